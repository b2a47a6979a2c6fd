import { expect, test } from 'vitest'
import { bars, labelled, line, scaleOf } from './chart'

test.each([
  [0, 1, [0, 1]],
  [7, 8, [0, 2, 4, 6, 8]],
  [8, 8, [0, 2, 4, 6, 8]],
  [100, 100, [0, 25, 50, 75, 100]],
  [0.3, 0.3, [0, 0.1, 0.2, 0.3]],
])('the scale of %s ends at %s', (value, most, ticks) => {
  expect(scaleOf(value)).toEqual({ most, ticks })
})

test('parts of a bar stand on each other, and empty ones are left out', () => {
  const [first, second] = bars(
    [
      { good: 6, bad: 2 },
      { good: 0, bad: 4 },
    ],
    ['good', 'bad'],
    100,
    80,
    8,
  )
  expect(first?.parts).toEqual([
    { name: 'good', y: 20, height: 60, value: 6 },
    { name: 'bad', y: 0, height: 20, value: 2 },
  ])
  expect(second?.parts).toEqual([{ name: 'bad', y: 40, height: 40, value: 4 }])
  expect(first?.total).toBe(8)
  expect(second?.x).toBeGreaterThan(50)
})

test('a line breaks where nothing was measured, and a lone value is a dot', () => {
  expect(line([1, 2, null, 4], 40, 10, 4)).toBe('M5 7.5L15 5M35 0h0.01')
  expect(line([null], 10, 10, 1)).toBe('')
})

test('labels are thinned out', () => {
  expect(labelled(4, 8)).toEqual([0, 1, 2, 3])
  expect(labelled(24, 8)).toEqual([0, 3, 6, 9, 12, 15, 18, 21])
})
