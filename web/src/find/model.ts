/** What was found, as the page shows it: one entry for each place, those of one run together. Pure. */

import type { FindItem } from '~/api/types'

export interface FoundRun {
  run: string
  flow: string
  at: string
  places: FindItem[]
}

/** In the order in which they came: the newest run first. */
export function byRun(items: readonly FindItem[]): FoundRun[] {
  const runs = new Map<string, FoundRun>()
  for (const item of items) {
    const known = runs.get(item.run)
    if (known) known.places.push(item)
    else runs.set(item.run, { run: item.run, flow: item.flow, at: item.at, places: [item] })
  }
  return [...runs.values()]
}

/** Where a place is looked at: its run, with the step, the payload and the item open. */
export function placeOf(item: FindItem, value: string): { to: string; search: Record<string, string> } {
  return {
    to: `/runs/${item.run}`,
    // What was sent, or should have been, is what came in to its step.
    search: {
      step: item.step,
      tab: item.delivery ? 'in' : 'out',
      payload: item.payload,
      item: String(item.item),
      value,
    },
  }
}

export const OUTCOMES: Record<string, { words: string; tone: string }> = {
  delivered: { words: 'delivered', tone: 'good' },
  rejected: { words: 'rejected', tone: 'bad' },
  unknown: { words: 'not known whether it arrived', tone: 'warn' },
  begun: { words: 'being sent', tone: '' },
  skipped: { words: 'left out: delivered before', tone: '' },
}
