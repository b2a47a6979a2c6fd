/** What came into a step in the flow's last run, else what its endpoint's description shows. */

import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import { readJson } from '~/api/json'
import type { Json, RunView } from '~/api/types'
import type { Step } from './graphModel'
import { pathsIn } from './samples'

export interface Samples {
  paths: string[]
  from: string
}

const NONE: Samples = { paths: [], from: '' }

/** `previous` is the step whose bucket comes in. */
export function useSamples(
  flow: string,
  step: Step | null,
  previous: Step | null,
  run: string | undefined,
): Samples {
  const found = useQuery({
    queryKey: ['samples', flow, step?.id, previous?.id, run],
    enabled: step !== null,
    staleTime: 60_000,
    queryFn: async ({ signal }): Promise<Samples> => {
      const id = run ?? (await lastRun(flow, signal))
      const seen = id === undefined ? NONE : await fromRun(id, step?.id ?? '', previous?.id ?? '', signal)
      return seen.paths.length > 0 ? seen : fromEndpoint(previous, signal)
    },
  })
  return found.data ?? NONE
}

async function lastRun(flow: string, signal: AbortSignal): Promise<string | undefined> {
  const page = await call('GET /api/v1/runs', { query: { flow, limit: 1 }, signal })
  return page.items[0]?.id
}

async function fromRun(id: string, step: string, previous: string, signal: AbortSignal): Promise<Samples> {
  const run: RunView = await call('GET /api/v1/runs/{run_id}', { path: { run_id: id }, signal })
  const steps = new Map(run.steps.map((one) => [one.step, one]))
  const payload = steps.get(step)?.payloads_in[0] ?? steps.get(previous)?.payloads_out[0]
  if (payload === undefined || payload.expired || !payload.media_type.includes('json')) return NONE
  const items = await call('GET /api/v1/payloads/{payload_id}/items', {
    path: { payload_id: payload.id },
    query: { start: 0, stop: 3 },
    signal,
  })
  return { paths: pathsIn(items.items.map((text) => readJson(text) as Json)), from: 'the last run' }
}

async function fromEndpoint(previous: Step | null, signal: AbortSignal): Promise<Samples> {
  const { connection, endpoint } = previous?.data ?? {}
  if (typeof connection !== 'string' || typeof endpoint !== 'string') return NONE
  const connections = await call('GET /api/v1/connections', { signal })
  const connector = connections.items.find((one) => one.name === connection)?.connector
  if (connector === undefined) return NONE
  const shown = await call('GET /api/v1/connectors/{name}', { path: { name: connector }, signal })
  const answer = shown.endpoints?.find((one) => one.name === endpoint)?.answer
  if (!answer) return NONE
  const described = answer.fields?.map((field) => field.path) ?? []
  const sample = answer.sample === undefined || answer.sample === null ? [] : pathsIn([answer.sample].flat())
  return { paths: [...new Set([...described, ...sample])], from: `the description of ${endpoint}` }
}
