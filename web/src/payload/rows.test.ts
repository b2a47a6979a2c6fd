import { expect, test } from 'vitest'
import { outline } from './lexer'
import { allOpen, opened, openTo, Rows, shown, toggled } from './rows'

const read = outline('{"a":1,"b":{"c":[2,3]},"d":4}') // 0 root, 1 a, 2 b, 3 c, 4 and 5 its values, 6 d

test('what is shut hides what is within', () => {
  expect([...shown(read, new Set())]).toEqual([0])
  expect([...shown(read, new Set([0]))]).toEqual([0, 1, 2, 6])
  expect([...shown(read, new Set([0, 2, 3]))]).toEqual([0, 1, 2, 3, 4, 5, 6])
})

test('rows of opened items stand between those of the others', () => {
  const rows = new Rows(
    10,
    new Map([
      [7, opened(read)],
      [2, opened(read)],
    ]),
  )
  expect(rows.total).toBe(16)
  const seen = Array.from({ length: rows.total }, (_, row) => rows.at(row))
  expect(seen.map((one) => one.item)).toEqual([0, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7, 7, 7, 7, 8, 9])
  expect(seen.slice(2, 6).map((one) => one.value)).toEqual([0, 1, 2, 6])
  for (let row = 0; row < rows.total; row++) {
    const { item, place } = rows.at(row)
    expect(rows.rowOf(item, place)).toBe(row)
  }
})

test('a million items cost nothing', () => {
  expect(new Rows(1_000_000, new Map([[999_999, opened(read)]])).at(1_000_001)).toEqual({
    item: 999_999,
    value: 2,
    place: 2,
  })
})

test('values are opened and shut, one or all', () => {
  const item = opened(read)
  expect([...toggled(item, 2).shown]).toEqual([0, 1, 2, 3, 6])
  expect([...toggled(toggled(item, 2), 2).shown]).toEqual([0, 1, 2, 6])
  expect([...allOpen(item, 0).shown]).toEqual([0, 1, 2, 3, 4, 5, 6])
})

test('a place in the text is opened', () => {
  const [item, value] = openTo(opened(read), read.text.indexOf('3'))
  expect([value, [...item.shown]]).toEqual([5, [0, 1, 2, 3, 4, 5, 6]])
  expect(openTo(opened(read), read.text.indexOf('"c"'))[1]).toBe(3)
})
