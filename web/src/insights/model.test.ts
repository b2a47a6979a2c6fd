import { expect, test } from 'vitest'
import { bucketWords, failureShare, shareWords, sinceOf } from './model'

const counts = { runs: 8, success: 5, partial_success: 1, failure: 1, stopped: 1 }

test('a span begins where it says, and seven days ago unless it says', () => {
  const now = Date.UTC(2026, 0, 8)
  expect(sinceOf('24h', now)).toBe('2026-01-07T00:00:00.000Z')
  expect(sinceOf('odd', now)).toBe('2026-01-01T00:00:00.000Z')
})

test('hours and days read short', () => {
  expect(bucketWords({ at: '2026-11-09T14:00:00Z' }, 'hour')).toBe('14:00')
  expect(bucketWords({ at: '2026-11-09T00:00:00Z' }, 'hour')).toBe('Nov 9')
  expect(bucketWords({ at: '2026-11-09T00:00:00Z' }, 'day')).toBe('Nov 9')
})

test('the share that failed', () => {
  expect(failureShare(counts)).toBe(25)
  expect(failureShare({ ...counts, runs: 0 })).toBeNull()
  expect([25, 2.34, 0.01, 0, null].map(shareWords)).toEqual(['25 %', '2.3 %', '< 0.1 %', '0.0 %', '–'])
})
