/** Items of one payload as they are looked at: fetched in pages, and let go of when many others were. */

import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { call } from '~/api/client'
import type { ItemText, ItemWindow } from '~/api/types'

export const PAGE = 50
const KEPT_PAGES = 40
/** So much of an item is enough for its row; the whole comes when it is opened. */
const ROW_BYTES = 4096
const WHOLE_BYTES = 1 << 20

type Listener = () => void

export class ItemStore {
  private pages = new Map<number, readonly ItemText[]>()
  private asked = new Map<number, AbortController>()
  private listeners = new Set<Listener>()
  private version = 0
  /** What the first page said of the whole. */
  first: ItemWindow | null = null
  problem: unknown = null

  constructor(readonly payload: string) {}

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  readonly snapshot = (): number => this.version

  get(number: number): ItemText | undefined {
    const page = Math.floor(number / PAGE)
    return this.pages.get(page)?.[number - page * PAGE]
  }

  /** These are looked at now: what is missing is fetched, and what is waited for elsewhere is given up. */
  need(first: number, stop: number): void {
    const from = Math.floor(first / PAGE)
    const to = Math.floor(Math.max(first, stop - 1) / PAGE)
    for (const [page, asked] of this.asked) {
      if (page < from || page > to) {
        asked.abort()
        this.asked.delete(page)
      }
    }
    for (let page = from; page <= to; page++) {
      const there = this.pages.get(page)
      if (there !== undefined) {
        this.pages.delete(page)
        this.pages.set(page, there) // the last one to be let go of
      } else if (!this.asked.has(page) && this.problem === null) void this.fetch(page)
    }
  }

  private async fetch(page: number): Promise<void> {
    const asked = new AbortController()
    this.asked.set(page, asked)
    try {
      const items: ItemText[] = []
      // A window of large items may end early: it is asked for the rest.
      while (items.length < PAGE) {
        const start = page * PAGE + items.length
        const found = await call('GET /api/v1/payloads/{payload_id}/window', {
          path: { payload_id: this.payload },
          query: { start, stop: (page + 1) * PAGE, item_bytes: ROW_BYTES },
          signal: asked.signal,
        })
        this.first ??= found
        items.push(...found.items)
        if (found.items.length === 0 || (found.total !== null && start + found.items.length >= found.total))
          break
      }
      this.pages.set(page, items)
      while (this.pages.size > KEPT_PAGES) this.pages.delete(this.pages.keys().next().value as number)
    } catch (thrown) {
      if (asked.signal.aborted) return
      this.problem = thrown
    }
    this.asked.delete(page)
    this.version++
    for (const listener of this.listeners) listener()
  }

  /** The whole text of an item, as far as it is shown in a tree. */
  async whole(number: number): Promise<ItemText | undefined> {
    const there = this.get(number)
    if (there !== undefined && !there.trimmed) return there
    const found = await call('GET /api/v1/payloads/{payload_id}/window', {
      path: { payload_id: this.payload },
      query: { start: number, stop: number + 1, item_bytes: WHOLE_BYTES },
    })
    return found.items[0]
  }

  end(): void {
    for (const asked of this.asked.values()) asked.abort()
    this.asked.clear()
  }
}

export function useItemStore(payload: string): ItemStore {
  const store = useMemo(() => new ItemStore(payload), [payload])
  useSyncExternalStore(store.subscribe, store.snapshot)
  useEffect(() => () => store.end(), [store])
  return store
}
