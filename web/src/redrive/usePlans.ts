/** The plan of what is chosen, made anew as the choices change. The server plans: one run, or many as one job. */

import { useEffect, useState } from 'react'
import { call } from '~/api/client'
import type { BulkPlan, BulkRequest, PlanView, RunsWhere } from '~/api/types'
import { type Choices, isRetry, lacks, redriveRequest, retryRequest } from './choices'

/** What is redriven: runs by id, or all that fit a filter. */
export interface Sources {
  runs: readonly string[]
  where?: RunsWhere | undefined
}

export interface Plans {
  /** The choices that this is the plan of. */
  of: Choices | null
  plan: BulkPlan | null
  /** Of one run: its own plan, with what is left out and why. */
  one: PlanView | null
  problem: unknown
  busy: boolean
}

const WAIT_MS = 250
const NOTHING: Plans = { of: null, plan: null, one: null, problem: null, busy: false }

export function isMany({ runs, where }: Sources): boolean {
  return where !== undefined || runs.length > 1
}

export function usePlans(sources: Sources, choices: Choices | null): Plans {
  const [found, setFound] = useState<Plans>(NOTHING)
  const [first, setFirst] = useState(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: `first` only says how long to wait
  useEffect(() => {
    if (choices === null) return
    if (lacks(choices) !== null) {
      setFound({ ...NOTHING, of: choices })
      return
    }
    const asked = new AbortController()
    setFound((before) => ({ ...before, busy: true }))
    // What is typed is planned when the typing rests; the first plan is made at once.
    const timer = setTimeout(
      () => {
        setFirst(false)
        const tell = (now: Partial<Plans>): void => {
          if (!asked.signal.aborted) setFound({ ...NOTHING, of: choices, ...now })
        }
        const planned = isMany(sources)
          ? call('POST /api/v1/bulks/plan', {
              body: bulkRequest(sources, choices, false),
              signal: asked.signal,
            }).then((plan) => tell({ plan }))
          : planOne(sources.runs[0] as string, choices, asked.signal).then((one) =>
              tell({ one, plan: asBulk(one) }),
            )
        planned.catch((problem: unknown) => tell({ problem }))
      },
      first ? 0 : WAIT_MS,
    )
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [sources, choices])
  return found
}

function planOne(run_id: string, choices: Choices, signal: AbortSignal): Promise<PlanView> {
  return isRetry(choices)
    ? call('POST /api/v1/runs/{run_id}/retry/plan', {
        path: { run_id },
        body: retryRequest(choices, false),
        signal,
      })
    : call('POST /api/v1/runs/{run_id}/redrive/plan', {
        path: { run_id },
        body: redriveRequest(choices, false),
        signal,
      })
}

export function bulkRequest({ runs, where }: Sources, choices: Choices, confirm: boolean): BulkRequest {
  return {
    ...(where ? { where } : { runs: [...runs] }),
    ...(isRetry(choices)
      ? { retry: retryRequest(choices, confirm) }
      : { redrive: redriveRequest(choices, confirm) }),
    confirm,
  }
}

/** The plan of one run in the form of one of many. */
export function asBulk(plan: PlanView): BulkPlan {
  return {
    runs: 1,
    planned: 1,
    able: 1,
    steps: plan.steps,
    warnings: plan.warnings.map((text) => ({ text, runs: 1, first: [] })),
    refused: [],
    confirm: plan.confirm ?? null,
  }
}
