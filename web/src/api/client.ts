/** Calls the API of the server that the page came from. Every failure is a `Problem`. */

import { readJson } from './json'
import { problemOf, unreachable } from './problem'
import { session } from './session'
import type { Routes } from './types'

type Route = keyof Routes
type PathOf<K extends string> = K extends `${string}{${infer Name}}${infer Rest}`
  ? { [N in Name]: string } & PathOf<Rest>
  : unknown

type Option<Name extends string, T> = T extends undefined ? { [N in Name]?: undefined } : { [N in Name]: T }

export type Options<K extends Route> = {
  /** Fills `{run_id}` and the like; each value is encoded. */
  path?: PathOf<K>
  query?: Routes[K]['query']
  headers?: Record<string, string>
  signal?: AbortSignal
} & (K extends `${string}{${string}` ? { path: PathOf<K> } : unknown) &
  Option<'body', Routes[K]['body']>

/** `await call('GET /api/v1/runs/{run_id}', { path: { run_id } })` */
export async function call<K extends Route>(route: K, options?: Options<K>): Promise<Routes[K]['answer']> {
  const [method, template] = route.split(' ') as [string, string]
  const path = (options?.path ?? {}) as Record<string, string>
  const headers: Record<string, string> = { Accept: 'application/json', ...options?.headers }
  const body = options?.body
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const answer = await send(address(template, path, options?.query), {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: options?.signal,
  })
  const text = await answer.text()
  return (text === '' ? undefined : readJson(text)) as Routes[K]['answer']
}

/** The raw answer, for bytes and ranges. Errors as in `call`. */
export async function send(url: string, init?: RequestInit): Promise<Response> {
  let answer: Response
  try {
    answer = await fetch(url, { credentials: 'same-origin', ...init })
  } catch (thrown) {
    if (init?.signal?.aborted) throw thrown
    throw unreachable()
  }
  if (answer.ok || answer.status === 304) return answer
  if (answer.status === 401) session.ended()
  throw problemOf(answer.status, await answer.text(), answer.headers.get('x-request-id'))
}

/** An address of the API with its parts filled in and encoded; what is null or empty is left out. */
export function address(template: string, path: Record<string, string>, query?: object): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''))
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') asked.set(name, String(value))
  }
  const text = asked.toString()
  return text ? `${filled}?${text}` : filled
}

/** A key that makes a start happen once, however often it is sent. */
export function startKey(): string {
  return crypto.randomUUID()
}
