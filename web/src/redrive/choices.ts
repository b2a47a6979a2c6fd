/** What somebody chose in the redrive dialog, and the request that it becomes. Pure. */

import type { PlanView, RedriveRequest, RetryRequest, RunRow, RunView } from '~/api/types'
import { plural } from '~/components/format'

export type Start = 'failed' | 'start' | 'at' | 'after'
export type With = 'stored' | 'other'
export type Delivery = '' | 'skip_delivered' | 'send_changed' | 'send_all'

export interface Choices {
  start: Start
  step: string
  with: With
  /** Payloads instead of the whole bucket: ids of stored ones or of uploads. */
  payloads: readonly string[]
  /** Payloads of the bucket that are replaced whole: id to the id of an upload. */
  edits: Readonly<Record<string, string>>
  /** Single items with another text: payload, item number, text. */
  itemEdits: Readonly<Record<string, Readonly<Record<string, string>>>>
  items: string
  skips: readonly string[]
  /** As typed; only those that were touched. */
  variables: Readonly<Record<string, string>>
  version: string
  clock: 'original' | 'now'
  delivery: Delivery
  reason: string
  force: boolean
}

export interface Asked {
  kind: 'retry' | 'redrive'
  step?: string | undefined
  place?: 'at' | 'after' | undefined
  payloads?: string[] | undefined
  items?: string | undefined
}

const FAILED = new Set(['failure', 'partial_success', 'stopped'])

export function hasFailed(run: Pick<RunRow, 'status'>): boolean {
  return FAILED.has(run.status)
}

/** The step at which a run failed, else the first one that ran. */
export function failedStep(run: Pick<RunView, 'steps'>): string {
  const bad = run.steps.find((one) => one.status === 'failure' || one.status === 'stopped')
  const partial = run.steps.find((one) => one.failed_payloads.length > 0)
  return bad?.step ?? partial?.step ?? run.steps.find((one) => one.status !== 'pending')?.step ?? ''
}

/** What the dialog opens with: of a failed run what failed, else the step that was asked for. */
export function opening(
  asked: Asked,
  run: Pick<RunView, 'steps' | 'status'> | null,
  failed: boolean,
): Choices {
  const named = asked.step !== undefined
  const retry = asked.kind === 'retry' && !named
  return {
    start: retry || (!named && failed) ? (failed ? 'failed' : 'start') : (asked.place ?? 'at'),
    step: asked.step ?? (run ? failedStep(run) : ''),
    with: 'stored',
    payloads: asked.payloads ?? [],
    edits: {},
    itemEdits: {},
    items: asked.items ?? '',
    skips: [],
    variables: {},
    version: 'original',
    clock: 'original',
    delivery: '',
    reason: '',
    force: false,
  }
}

export function isRetry(choices: Pick<Choices, 'start'>): boolean {
  return choices.start === 'failed' || choices.start === 'start'
}

/** Why it cannot be planned or started as it stands; null: it can. */
export function lacks(choices: Choices): string | null {
  if (!isRetry(choices) && choices.step === '') return 'Choose the step.'
  if (choices.with === 'other' && choices.payloads.length === 0)
    return 'Give the data that it shall begin with.'
  if (choices.delivery === 'send_all' && choices.reason.trim() === '') {
    return 'Say why everything shall be sent again.'
  }
  return null
}

export function retryRequest(choices: Choices, confirm: boolean): RetryRequest {
  return {
    from: choices.start === 'start' ? 'start' : 'failed',
    delivery: choices.delivery || null,
    reason: choices.reason.trim() || null,
    confirm,
  } as RetryRequest
}

export function redriveRequest(choices: Choices, confirm: boolean): RedriveRequest {
  const stored = choices.with === 'stored'
  return {
    at: choices.start === 'at' ? choices.step : null,
    after: choices.start === 'after' ? choices.step : null,
    payloads: [...choices.payloads],
    edits: stored ? { ...choices.edits } : {},
    item_edits: stored
      ? Object.fromEntries(Object.entries(choices.itemEdits).map(([id, items]) => [id, { ...items }]))
      : {},
    items: choices.items.trim() || null,
    skips: [...choices.skips],
    variables: { ...choices.variables },
    version: choices.version,
    clock: choices.clock,
    delivery: choices.delivery || null,
    reason: choices.reason.trim() || null,
    force: choices.force,
    confirm,
  } as RedriveRequest
}

export interface Totals {
  /** null: it cannot be known before it runs. */
  send: number | null
  delivered: number
  changed: number
  newer: number
  unknown: number
  /** Steps that send. */
  steps: number
}

export function totals(plans: readonly { steps: readonly PlanView['steps'][number][] }[]): Totals {
  const found: Totals = { send: 0, delivered: 0, changed: 0, newer: 0, unknown: 0, steps: 0 }
  for (const step of plans.flatMap((plan) => plan.steps)) {
    found.steps++
    found.send = found.send === null || step.to_send === null ? null : found.send + step.to_send
    found.delivered += step.delivered ?? 0
    found.changed += step.changed ?? 0
    found.newer += step.newer ?? 0
    found.unknown += step.unknown ?? 0
  }
  return found
}

/** `Redrive: send 10 items`. */
export function buttonText(kind: string, found: Totals | null, runs: number): string {
  const many = runs > 1 ? ` ${plural(runs, 'run')}` : ''
  if (found === null || found.steps === 0 || found.send === null) return `${kind}${many}`
  return `${kind}${many}: ${found.send === 0 ? 'nothing to send' : `send ${plural(found.send, 'item')}`}`
}
