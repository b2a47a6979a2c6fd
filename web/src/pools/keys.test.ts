import { expect, test } from 'vitest'
import { keysOf } from './keys'

test('keys stand on lines, each once', () => {
  expect(keysOf(' 1001\r\n\n1002 \n1001\n')).toEqual(['1001', '1002'])
  expect(keysOf('')).toEqual([])
})
