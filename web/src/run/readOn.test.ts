import { describe, expect, it } from 'vitest'
import { MOST_PAGES, MOST_ROWS, type Reach, reached, readsOn } from './readOn'

const at = (entries: number, rows: number, pages: number, of = 'failed'): Reach => ({
  of,
  entries,
  rows,
  pages,
})

describe('reading on', () => {
  it('stops where what is read folds into what is there', () => {
    let reach = reached(null, at(20, 100, 1))
    let now = at(20, 100, 1)
    while (readsOn(reach, now)) {
      now = at(20, now.rows + 100, now.pages + 1)
      reach = reached(reach, now)
    }
    expect(now.rows).toBe(100 + MOST_ROWS)
  })

  it('goes on while the list grows', () => {
    let reach = reached(null, at(20, 100, 1))
    for (let page = 2; page < 60; page++) {
      const now = at(20 + page, page * 100, page)
      reach = reached(reach, now)
      expect(readsOn(reach, now)).toBe(true)
    }
  })

  it('looks through many empty pages, and not for ever', () => {
    const reach = reached(null, at(0, 0, 1))
    expect(readsOn(reach, at(0, 0, MOST_PAGES))).toBe(true)
    expect(readsOn(reach, at(0, 0, MOST_PAGES + 1))).toBe(false)
  })

  it('begins anew with other filters', () => {
    const reach = reached(at(20, 100, 1), at(0, 0, 1, 'stopped'))
    expect(reach.of).toBe('stopped')
  })
})
