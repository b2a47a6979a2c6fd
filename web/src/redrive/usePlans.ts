/** The plans of what is chosen, made anew as the choices change. */

import { useEffect, useState } from 'react'
import { call } from '~/api/client'
import type { PlanView } from '~/api/types'
import { type Choices, isRetry, lacks, redriveRequest, retryRequest } from './choices'
import { forEach } from './many'

export interface Plans {
  /** The choices that these are the plans of. */
  of: Choices | null
  plans: ReadonlyMap<string, PlanView>
  problems: ReadonlyMap<string, unknown>
  busy: boolean
}

const WAIT_MS = 250
const NOTHING: Plans = { of: null, plans: new Map(), problems: new Map(), busy: false }

export function usePlans(runs: readonly string[], choices: Choices | null): Plans {
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
        const plans = new Map<string, PlanView>()
        const problems = new Map<string, unknown>()
        const tell = (busy: boolean): void => {
          if (!asked.signal.aborted)
            setFound({ of: choices, plans: new Map(plans), problems: new Map(problems), busy })
        }
        void forEach(
          runs,
          (run, signal) => plan(run, choices, signal),
          (run, outcome) => {
            if (outcome.state === 'done') plans.set(run, outcome.value)
            if (outcome.state === 'failed') problems.set(run, outcome.problem)
            if (runs.length > 1 && outcome.state !== 'works') tell(true)
          },
          asked.signal,
        ).then(() => tell(false))
      },
      first ? 0 : WAIT_MS,
    )
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [runs, choices])
  return found
}

function plan(run_id: string, choices: Choices, signal: AbortSignal): Promise<PlanView> {
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
