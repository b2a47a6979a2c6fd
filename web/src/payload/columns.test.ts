import { expect, test } from 'vitest'
import { cellsOf, columnsOf, delimiterOf, fieldsOf } from './columns'

test('cells keep what is spelt', () => {
  const cells = cellsOf('{"id": 12345678901234567890, "total": 19.90, "name": "Zo\\u00eb", "lines": [1, 2]}')
  expect([...(cells ?? [])]).toEqual([
    ['id', '12345678901234567890'],
    ['total', '19.90'],
    ['name', 'Zoë'],
    ['lines', '[1, 2]'],
  ])
})

test('items that are no records have one column', () =>
  expect([...(cellsOf('1.10') ?? [])]).toEqual([['value', '1.10']]))

test('columns are those of all records', () => {
  const found = ['{"a":1}', '{"b":2,"a":1}'].map((one) => cellsOf(one) ?? new Map())
  expect(columnsOf(found)).toEqual(['a', 'b'])
})

test.each([
  ['a,"b ""c"", d",e', ',', ['a', 'b "c", d', 'e']],
  ['1;;3', ';', ['1', '', '3']],
  ['"open', ',', ['open']],
])('%s', (row, delimiter, fields) => expect(fieldsOf(row, delimiter)).toEqual(fields))

test('the delimiter is what stands most often', () => expect(delimiterOf('"a,b";c;d')).toBe(';'))
