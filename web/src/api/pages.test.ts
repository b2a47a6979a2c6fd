import { expect, test } from 'vitest'
import { type Part, readOn } from './pages'

const signal = new AbortController().signal

function pages(...parts: number[][]) {
  return async (cursor: string | null): Promise<Part<number>> => {
    const at = Number(cursor ?? 0)
    return { items: parts[at] ?? [], next: at + 1 < parts.length ? String(at + 1) : null }
  }
}

test('an empty page that has a next one is no end', async () => {
  expect(await readOn(pages([], [], [7], [8]), null, signal)).toEqual({ items: [7], next: '3' })
})

test('a list of nothing ends', async () => {
  expect(await readOn(pages([], []), null, signal)).toEqual({ items: [], next: null })
})

test('it does not look on for ever: the rest is asked for', async () => {
  const page = await readOn(async (cursor) => ({ items: [], next: String(Number(cursor) + 1) }), null, signal)
  expect(page).toEqual({ items: [], next: '20' })
})
