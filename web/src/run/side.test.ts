import { expect, test } from 'vitest'
import { side } from './side'

test('a few at a time, in order, and one that fails stops none', async () => {
  let running = 0
  let most = 0
  const told: number[] = []
  const results = await side(
    [1, 2, 3, 4, 5, 6, 7],
    async (number) => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      if (number === 3) throw new Error('no')
      return number * 2
    },
    (done) => told.push(done),
  )
  expect(results.map((one) => one.value)).toEqual([2, 4, undefined, 8, 10, 12, 14])
  expect(results[2]?.error).toBeInstanceOf(Error)
  expect(most).toBe(4)
  expect(told.at(-1)).toBe(7)
})
