import { expect, test } from 'vitest'
import { ago, bytes, duration, plural } from './format'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KB'],
  [12_345, '12 KB'],
  [999_900, '1.0 MB'],
  [5_200_000_000, '5.2 GB'],
])('%i bytes', (value, text) => expect(bytes(value)).toBe(text))

test.each([
  [0.0123, '12 ms'],
  [0.9999, '1.0 s'],
  [59.7, '1 m'],
  [185, '3 m 5 s'],
  [7440, '2 h 4 m'],
  [266_400, '3 d 2 h'],
])('%d seconds', (value, text) => expect(duration(value)).toBe(text))

test('a time is told from now', () => {
  const now = new Date('2026-11-23T12:00:00Z')
  expect(ago(new Date('2026-11-23T11:59:58Z'), now)).toBe('just now')
  expect(ago(new Date('2026-11-23T11:00:00Z'), now)).toBe('1 h ago')
  expect(ago(new Date('2026-11-23T12:05:00Z'), now)).toBe('in 5 m')
})

test('one is singular', () =>
  expect([plural(1, 'run'), plural(1200, 'run')]).toEqual(['1 run', '1,200 runs']))
