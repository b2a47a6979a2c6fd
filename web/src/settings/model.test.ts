import { expect, test } from 'vitest'
import { dueWords, limitWords, matching, triggerWords, valueWords } from './model'

test('limits read as words', () => {
  expect(limitWords({ days: 7, count: null, size_bytes: 5_000_000_000 })).toBe('7 days or 5.0 GB')
  expect(limitWords({ days: null, count: null, size_bytes: null })).toBe('for ever')
})

test('what would go is counted', () => {
  expect(dueWords({ expire: 2, delete: 1 })).toBe('the payloads of 2 runs, 1 run')
  expect(dueWords({ expire: 0, delete: 0 })).toBe('nothing')
})

test('values with their units', () => {
  expect(valueWords({ value: 3600, unit: 's' })).toBe('3,600 s')
  expect(valueWords({ value: false })).toBe('off')
  expect(valueWords({ value: null })).toBe('–')
})

test('settings are found by name and help', () => {
  const all = [
    { name: 'port', value: 8765, source: 'default', help: 'Where up listens.' },
    { name: 'log_level', value: 'info', source: 'file', help: 'How much is told.' },
  ]
  expect(matching(all, 'LISTEN').map((one) => one.name)).toEqual(['port'])
  expect(matching(all, '')).toHaveLength(2)
})

test('a trigger reads as its rule or its address', () => {
  expect(triggerWords({ flow: 'a', kind: 'schedule', active: true, rule: '*/5 * * * *' })).toBe('*/5 * * * *')
  expect(triggerWords({ flow: 'a', kind: 'webhook', active: true, address: '/hooks/a' })).toBe('/hooks/a')
})
