/** What the queue shows: why runs wait, in words and tones, and where each can be moved to. */

import type { BulkView, PauseView, QueueItem } from '~/api/types'
import { plural } from '~/components/format'
import type { IconName } from '~/components/Icon'

export const PRIORITIES = ['highest', 'high', 'regular', 'low', 'lowest'] as const
export type Priority = (typeof PRIORITIES)[number]

/** A reason in a word, its icon, and whether a person should look at it. */
export const KINDS: Record<QueueItem['kind'], { words: string; icon: IconName; tone: '' | 'warn' | 'bad' }> =
  {
    paused: { words: 'Paused', icon: 'bang', tone: 'warn' },
    circuit: { words: 'Target is down', icon: 'plug', tone: 'bad' },
    overlap: { words: 'Same flow runs', icon: 'flow', tone: '' },
    key_limit: { words: 'Limit per key', icon: 'key', tone: '' },
    flow_limit: { words: 'Limit of the flow', icon: 'flow', tone: '' },
    connection_limit: { words: 'Limit of a connection', icon: 'plug', tone: '' },
    system_limit: { words: 'Limit of the system', icon: 'cog', tone: '' },
    turn: { words: 'Not its turn', icon: 'clock', tone: '' },
    next: { words: 'Next', icon: 'play', tone: '' },
    runner: { words: 'Nothing runs', icon: 'warning', tone: 'bad' },
  }

/** How many wait for each reason, most first. */
export function byReason(rows: readonly QueueItem[]): { kind: QueueItem['kind']; many: number }[] {
  const counts = new Map<QueueItem['kind'], number>()
  for (const row of rows) counts.set(row.kind, (counts.get(row.kind) ?? 0) + 1)
  return [...counts].map(([kind, many]) => ({ kind, many })).sort((a, b) => b.many - a.many)
}

/** `everything`, `flow orders-to-erp`, `connection shop`. */
export function nameOfPause(pause: Pick<PauseView, 'kind' | 'name'>): string {
  return pause.kind === 'all' ? 'everything' : `${pause.kind} ${pause.name}`
}

export function isPaused(pauses: readonly PauseView[], kind: PauseView['kind'], name = ''): boolean {
  return pauses.some((pause) => pause.kind === kind && (kind === 'all' || pause.name === name))
}

/** The title of the page: what waits, as far as it was counted. */
export function heading(many: number, more: boolean): string {
  if (many === 0) return 'Nothing waits'
  return more
    ? `${plural(many, 'run')} or more ${'wait'}`
    : `${plural(many, 'run')} ${many === 1 ? 'waits' : 'wait'}`
}

/** The next priority up or down, or null at the end of the scale. */
export function beside(priority: string, by: -1 | 1): Priority | null {
  const at = PRIORITIES.indexOf(priority as Priority)
  return at < 0 ? null : (PRIORITIES[at + by] ?? null)
}

const LATELY_MS = 3_600_000

/** Jobs that go on or wait for somebody, and those that ended in the last hour. */
export function toShow(bulks: readonly BulkView[], now: number): BulkView[] {
  return bulks.filter(
    (bulk) => bulk.ended_at === null || bulk.under_way > 0 || now - Date.parse(bulk.ended_at) < LATELY_MS,
  )
}

/** `paused, 3 started, 17 to come`. */
export function bulkTold(bulk: BulkView): string {
  const parts: [number, string][] = [
    [bulk.waiting, bulk.state === 'cancelled' ? 'not started' : 'to come'],
    [bulk.under_way, 'under way'],
    [bulk.success, 'in success'],
    [bulk.failed, 'failed'],
    [bulk.refused, 'refused'],
  ]
  const told = parts
    .filter(([many]) => many > 0)
    .map(([many, what]) => `${many.toLocaleString('en')} ${what}`)
  return [...(bulk.state === 'ended' ? [] : [bulk.state]), ...told].join(', ')
}
