import { expect, test } from 'vitest'
import { bars } from './chart'

test('a bar is as high as its hour is busy, and one failure can be seen', () => {
  const [quiet, busy] = bars([
    { at: '2026-11-23T10:00:00Z', counts: {} },
    { at: '2026-11-23T11:00:00Z', counts: { success: 9999, failure: 1 } },
  ])
  expect(quiet?.parts).toEqual([])
  expect(busy?.total).toBe(10_000)
  expect(busy?.until).toBe('2026-11-23T12:00:00.000Z')
  expect(busy?.parts.map((part) => [part.tone, part.many])).toEqual([
    ['good', 9999],
    ['bad', 1],
  ])
  expect(busy?.parts[1]?.height).toBe(4)
  expect((busy?.parts ?? []).reduce((sum, part) => sum + part.height, 0)).toBeLessThanOrEqual(100)
})
