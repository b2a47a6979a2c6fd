/** How many have ended, and how. Pure. */

import type { BulkView, RunRow } from '~/api/types'

const ENDED = new Set(['success', 'partial_success', 'failure', 'stopped'])

export interface Tally {
  all: number
  ended: number
  success: number
  other: number
  refused: number
  state?: BulkView['state']
}

export function tallyOfRun(status: RunRow['status']): Tally {
  const ended = ENDED.has(status) ? 1 : 0
  const success = status === 'success' ? 1 : 0
  return { all: 1, ended, success, other: ended - success, refused: 0 }
}

/** What was refused has ended too; what was deleted since, as well. */
export function tallyOf(bulk: BulkView): Tally {
  return {
    all: bulk.runs,
    ended: bulk.started - bulk.under_way + bulk.refused,
    success: bulk.success,
    other: bulk.started - bulk.under_way - bulk.success,
    refused: bulk.refused,
    state: bulk.state,
  }
}

/** Nothing about it will change any more. */
export function isOver(bulk: BulkView): boolean {
  return bulk.ended_at !== null && bulk.under_way === 0
}
