import { expect, test } from 'vitest'
import { outline } from './lexer'
import { pathOf, summary } from './places'

const read = outline('{"orders":[{"id":1},{"id":2,"a b":[[7]]}]}')

test.each([
  ['1}', 'orders[0].id'],
  ['2,', 'orders[1].id'],
  ['7]', 'orders[1]["a b"][0][0]'],
])('the place of %s is %s', (text, path) => {
  const at = read.text.indexOf(text)
  const value = Array.from({ length: read.count }, (_, one) => one).findLast((one) => read.start[one] === at)
  expect(pathOf(read, value as number)).toBe(path)
})

test('a long value is shortened', () => {
  expect(summary(outline('{\n "a": 1 }'), 0, 6)).toBe('{ "a"…')
})
