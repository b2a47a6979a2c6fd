import { expect, test } from 'vitest'
import { agentWords, dataWords, isRefused, sinceOf } from './model'

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', 'Chrome on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/18 Safari/605.1', 'Safari on macOS'],
  ['curl/8.0', 'curl/8.0'],
])('the agent %s is %s', (agent, words) => {
  expect(agentWords(agent)).toBe(words)
})

test('no agent is said', () => expect(agentWords(null)).toBe('unknown browser'))

test('the data of a line reads on one line', () => {
  expect(dataWords({ reason: 'sent by hand', items: [1, 2] })).toBe('reason: sent by hand, items: [1,2]')
  expect(isRefused({ result: 'auth.forbidden' })).toBe(true)
})

test('a span of time begins where it says', () => {
  const now = Date.UTC(2026, 0, 8)
  expect(sinceOf('7d', now)).toBe('2026-01-01T00:00:00.000Z')
  expect(sinceOf('24h', now)).toBe('2026-01-07T00:00:00.000Z')
  expect(sinceOf(undefined, now)).toBeNull()
})
