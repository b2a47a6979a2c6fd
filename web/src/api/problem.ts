/** What a call of the API failed with, as the page shows it: never a bare "something went wrong". */

import type { ProblemView } from './types'

export interface ProblemFields {
  code: string
  title: string
  detail: string
  status: number
  at?: string | null
  hint?: string | null
  requestId?: string | null
  problems?: ProblemView[]
}

export class Problem extends Error {
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly status: number
  readonly at: string | null
  readonly hint: string | null
  readonly requestId: string | null
  /** The faults of a document, one by one. */
  readonly problems: ProblemView[]

  constructor(fields: ProblemFields) {
    super(fields.detail || fields.title)
    this.name = 'Problem'
    this.code = fields.code
    this.title = fields.title
    this.detail = fields.detail
    this.status = fields.status
    this.at = fields.at ?? null
    this.hint = fields.hint ?? null
    this.requestId = fields.requestId ?? null
    this.problems = fields.problems ?? []
  }
}

/** The problem that an answer holds, whatever its body is. */
export function problemOf(status: number, text: string, requestId: string | null): Problem {
  const body = record(text)
  return new Problem({
    status,
    code: string(body.code) ?? `http.${status}`,
    title: string(body.title) ?? 'The server refused the call',
    detail: string(body.detail) ?? `It answered ${status}.`,
    at: string(body.at),
    hint: string(body.hint),
    requestId: string(body.request_id) ?? requestId,
    problems: Array.isArray(body.problems) ? (body.problems as ProblemView[]) : [],
  })
}

/** The problem of a call that got no answer at all. */
export function unreachable(): Problem {
  return new Problem({
    status: 0,
    code: 'server.unreachable',
    title: 'The server cannot be reached',
    detail: 'No answer came. The page tries again by itself.',
    hint: 'Is `redrive up` still running?',
  })
}

/** Anything that was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new Problem({ status: 0, code: 'page.fault', title: 'The page met a fault of its own', detail })
}

function record(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function string(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
