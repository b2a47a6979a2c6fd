import { expect, test } from 'vitest'
import { headOf, SHOWN_BYTES, TRIMMED } from './bodies'

test('a short body is shown as it is', async () => {
  const text = '{"price": 1.10, "id": 12345678901234567890}'
  expect(await headOf(new Response(text))).toBe(text)
  expect(await headOf(new Response(null))).toBe('')
})

test('a long one ends in a marker', async () => {
  const text = await headOf(new Response('x'.repeat(SHOWN_BYTES + 1)))
  expect(text.endsWith(TRIMMED)).toBe(true)
  expect(text.length).toBeLessThan(SHOWN_BYTES + 20)
})
