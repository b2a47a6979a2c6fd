import { expect, test } from 'vitest'
import { barAt, MOST_HEIGHT, sight } from './scroll'

test('few rows scroll as they are', () => {
  const seen = sight(100, 20, 500, 200)
  expect([seen.first, seen.stop, seen.height]).toEqual([19, 41, 2000])
  expect(seen.top).toBe(19 * 20)
})

test('ten million rows have an end that is reached', () => {
  const rows = 10_000_000
  const top = sight(rows, 24, 0, 600)
  expect([top.first, top.height]).toEqual([0, MOST_HEIGHT])
  expect(sight(rows, 24, MOST_HEIGHT - 600, 600).stop).toBe(rows)
})

test.each([0, 1, 4_999_999, 9_999_000])('row %i is led to', (row) => {
  const rows = 10_000_000
  const bar = barAt(rows, 24, row, 600)
  const seen = sight(rows, 24, bar, 600)
  expect(seen.first).toBeLessThanOrEqual(row)
  expect(seen.stop).toBeGreaterThan(row)
  expect(Math.abs(seen.top - bar)).toBeLessThan(400)
})
