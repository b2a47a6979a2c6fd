import { expect, test } from 'vitest'
import { forEach, type Outcome } from './many'

test('each has its outcome, and no more than four are under way', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `r_${index}`)
  const outcomes = new Map<string, Outcome<string>>()
  let now = 0
  let most = 0
  await forEach(
    ids,
    async (id) => {
      most = Math.max(most, ++now)
      await Promise.resolve()
      now--
      if (id === 'r_7') throw new Error('no')
      return id.toUpperCase()
    },
    (id, outcome) => outcomes.set(id, outcome),
    new AbortController().signal,
  )
  expect(most).toBe(4)
  expect(outcomes.get('r_7')).toMatchObject({ state: 'failed' })
  expect([...outcomes.values()].filter((one) => one.state === 'done')).toHaveLength(19)
})

test('what was given up tells nothing more', async () => {
  const asked = new AbortController()
  const told: string[] = []
  await forEach(
    ['a', 'b'],
    async () => asked.abort(),
    (_, outcome) => told.push(outcome.state),
    asked.signal,
  )
  expect(told).toEqual(['works'])
})
