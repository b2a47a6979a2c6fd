/** What the run log shows: filters as the address holds them, equal causes folded, live rows merged. Pure. */

import type { RunRow, RunsWhere, StepRunView } from '~/api/types'
import type { View } from '~/routes/view'

/** The first page is what is seen at once; what is scrolled to comes in larger ones. */
export const PAGE = 50
export const FURTHER = 100
export const FAILED: readonly RunRow['status'][] = ['failure', 'partial_success', 'stopped']
const RED: readonly string[] = ['failure', 'partial_success']
const ENDED: readonly string[] = ['success', 'partial_success', 'failure', 'stopped']

export interface RunQuery {
  status?: string
  flow?: string
  trigger?: string
  text?: string
  version?: number
  warnings?: boolean
  since?: string
  until?: string
  label?: string
  value?: string
  unhealed?: boolean
  oldest?: boolean
}

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `24h` is that long before now, to the minute; an instant is itself; anything else is no time. */
export function instantOf(text: string | undefined, now: number): string | undefined {
  if (!text) return undefined
  const ago = /^(\d{1,5})([mhd])$/.exec(text)
  if (ago) {
    const before = now - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0)
    return new Date(Math.floor(before / 60_000) * 60_000).toISOString()
  }
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

/** The call that the address asks for. What it cannot mean is left out. */
export function queryOf(view: View, now: number): RunQuery {
  const version = /^\d{1,9}$/.test(view.version ?? '') ? Number(view.version) : undefined
  const query: RunQuery = {
    status: view.status || undefined,
    flow: view.flow || undefined,
    trigger: view.trigger || undefined,
    text: view.text || undefined,
    version: version || undefined,
    warnings: view.warnings === 'yes' ? true : undefined,
    since: instantOf(view.since, now),
    until: instantOf(view.until, now),
    label: view.label || undefined,
    value: view.value || undefined,
    unhealed: view.healed === 'no' ? true : undefined,
    oldest: view.order === 'oldest' ? true : undefined,
  }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as RunQuery
}

/** Of the filters that are set, what is taken off to show everything. */
export const FILTERS = [
  'status',
  'flow',
  'trigger',
  'text',
  'version',
  'warnings',
  'since',
  'until',
  'label',
  'value',
  'healed',
] as const

export function filtered(view: View): boolean {
  return FILTERS.some((name) => view[name])
}

export function isOpenFailure(row: RunRow): boolean {
  return RED.includes(row.status) && !row.healed_by
}

export function hasEnded(row: Pick<RunRow, 'status'>): boolean {
  return ENDED.includes(row.status)
}

/** Equal causes have equal signatures: same flow, same step, same message but for numbers and names in it. */
export function signature(row: RunRow): string | null {
  if (!isOpenFailure(row)) return null
  const cause = row.brief?.cause
  const message = (cause?.detail ?? row.summary).replace(/'[^']*'|"[^"]*"/g, '…').replace(/\d+/g, '#')
  return [row.flow, cause?.step ?? '', cause?.code ?? '', message].join('\n')
}

/** The message with what tells most in front: of `endpoint 'a' of connection 'b' answered 422`, `b/a answered 422`. */
export function shortly(detail: string): string {
  return detail.replace(/^endpoint '([^']*)' of connection '([^']*)' /, '$2/$1 ')
}

export interface Entry {
  row: RunRow
  /** Further runs that failed for the same cause, older than this one. */
  same: RunRow[]
  /** The fold it was taken out of. */
  of?: string
}

/** Open failures with the same cause become one entry at the place of the first; `open` ones are spread out. */
export function folded(rows: readonly RunRow[], open: ReadonlySet<string>): Entry[] {
  const first = new Map<string, Entry>()
  const entries: Entry[] = []
  for (const row of rows) {
    const key = signature(row)
    const known = key === null ? undefined : first.get(key)
    if (known) {
      known.same.push(row)
      continue
    }
    const entry: Entry = { row, same: [] }
    if (key !== null) first.set(key, entry)
    entries.push(entry)
  }
  if (open.size === 0) return entries
  return entries.flatMap((entry) =>
    open.has(entry.row.id)
      ? [entry, ...entry.same.map((row): Entry => ({ row, same: [], of: entry.row.id }))]
      : [entry],
  )
}

/** The list after its newest page was read again: what is new comes in, what fits no longer goes, and all
 * that lies further down stays, so that its cursor still leads on.
 */
export function merged(old: readonly RunRow[], fresh: readonly RunRow[], whole: boolean): RunRow[] {
  const oldest = fresh.at(-1)?.id
  if (oldest === undefined) return whole ? [] : [...old]
  const below = whole ? [] : old.filter((row) => row.id < oldest)
  return [...fresh, ...below]
}

/** The rows with one that has changed; its brief stays until it is read again. */
export function patched(rows: readonly RunRow[], row: RunRow): RunRow[] {
  return rows.map((one) => (one.id === row.id ? { ...row, brief: row.brief ?? one.brief } : one))
}

export interface Bar {
  /** Per cent of the run's time. */
  left: number
  width: number
}

/** Where each step stands in the time of its run; null where it did not run. */
export function waterfall(
  run: { started_at: string | null; finished_at: string | null; steps: StepRunView[] },
  now: number,
): (Bar | null)[] {
  const begin = run.started_at ? Date.parse(run.started_at) : now
  const end = run.finished_at ? Date.parse(run.finished_at) : now
  const whole = Math.max(1, end - begin)
  return run.steps.map((step) => {
    if (!step.started_at || step.status === 'kept') return null
    const left = clamp(((Date.parse(step.started_at) - begin) / whole) * 100)
    const length =
      step.status === 'running' ? end - Date.parse(step.started_at) : (step.duration_s ?? 0) * 1000
    return {
      left: Math.min(left, 99),
      width: Math.max(1, Math.min(clamp((length / whole) * 100), 100 - left)),
    }
  })
}

function clamp(value: number): number {
  return Math.min(100, Math.max(0, value))
}

/** The step that a run opens at: the one that failed, else the one that runs, else the last that did something. */
export function stepToShow(steps: readonly StepRunView[]): string | undefined {
  const by = (...statuses: string[]): StepRunView | undefined =>
    steps.find((step) => statuses.includes(step.status))
  const failed = by('failure') ?? steps.find((step) => step.error) ?? by('stopped', 'running')
  const last = steps.findLast((step) => step.status !== 'pending')
  return (failed ?? last ?? steps[0])?.step
}

export type Side = 'in' | 'out' | 'failed'
export type PanelTab = 'logs' | Side | 'exchanges' | 'meta'

/** The tab that a step opens with: payload and error are on one screen. */
export function tabToShow(step: StepRunView): PanelTab {
  if ((step.counts?.failed_payloads ?? 0) > 0) return 'failed'
  if ((step.counts?.payloads_out ?? 0) > 0) return 'out'
  if ((step.counts?.payloads_in ?? 0) > 0) return 'in'
  return 'logs'
}

/** The filters of the address as a bulk takes them. */
export function whereOf(view: View, now: number): RunsWhere {
  const { oldest: _, ...where } = queryOf(view, now)
  return where
}

/** Of some runs those that may be deleted; how many are pinned, how many have not ended. */
export function deletable(
  rows: readonly Pick<RunRow, 'id' | 'status' | 'pinned'>[],
  left: ReadonlySet<string>,
): { runs: string[]; pinned: number; unfinished: number } {
  const ended = rows.filter(hasEnded)
  return {
    runs: ended.filter((row) => !row.pinned && !left.has(row.id)).map((row) => row.id),
    pinned: ended.filter((row) => row.pinned).length,
    unfinished: rows.length - ended.length,
  }
}
