import { expect, test } from 'vitest'
import { add, count, expression, has, NONE, numbers, remove, toggle } from './ranges'

test('neighbours become one', () => {
  const chosen = add(add(add(NONE, 3, 4), 5, 6), 4, 5)
  expect(chosen).toEqual([[3, 6]])
  expect([2, 3, 5, 6].map((one) => has(chosen, one))).toEqual([false, true, true, false])
})

test('one is taken out of the middle', () => {
  expect(toggle([[0, 10]], 4)).toEqual([
    [0, 4],
    [5, 10],
  ])
  expect(
    remove(
      [
        [0, 4],
        [6, 9],
      ],
      2,
      7,
    ),
  ).toEqual([
    [0, 2],
    [7, 9],
  ])
  expect(
    count([
      [0, 2],
      [7, 9],
    ]),
  ).toBe(4)
})

test('they are written as a selection and read again', () => {
  const chosen = add(add(add(NONE, 0, 1), 3, 4), 7, 9)
  expect(expression(chosen)).toBe('#0,3,7:9')
  expect(numbers('#0, 3,7:9')).toEqual(chosen)
  expect(numbers('id = 3')).toBeNull()
})
