import { expect, test } from 'vitest'
import { readJson } from './json'

test('short numbers are numbers', () => {
  expect(readJson('{"a": 1, "b": [2.5, -3]}')).toEqual({ a: 1, b: [2.5, -3] })
})

test('a long string of digits stays a string', () => {
  expect(readJson('{"key": "12345678901234567890"}')).toEqual({ key: '12345678901234567890' })
})

test('what is safe beside a long number stays a number', () => {
  expect(readJson('[12345678901234567890, 7]')).toMatchObject({ 1: 7 })
})
