import { expect, test } from 'vitest'
import { missing, shownValue } from './variables'

test.each([
  [null, ''],
  ['a', 'a'],
  [7, '7'],
  [[1, 'x'], '[1,"x"]'],
])('%j is shown as %s', (value, text) => expect(shownValue(value)).toBe(text))

test('required variables are asked for', () => {
  const variables = [{ name: 'a', required: true }, { name: 'b' }, { name: 'c', required: true }]
  expect(missing(variables, { c: 'x' })).toEqual(['a'])
})
