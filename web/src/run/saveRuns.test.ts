import { expect, test } from 'vitest'
import { listOf } from './saveRuns'

test('runs are saved as they were written', () => {
  const text = listOf(['{"id":"r1","clock":12345678901234567890}', '{"id":"r2"}'])
  expect(text).toContain('12345678901234567890')
  expect(JSON.parse(text).items).toHaveLength(2)
  expect(JSON.parse(listOf([]))).toEqual({ items: [], next: null })
})
