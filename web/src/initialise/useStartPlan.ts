/** What a start would send, planned anew as the form changes. */

import { useEffect, useState } from 'react'
import { call } from '~/api/client'
import type { BulkPlan, PlanView, StartRequest } from '~/api/types'
import { asBulk } from '~/redrive/usePlans'

interface StartPlan {
  plan: BulkPlan | null
  one: PlanView | null
  problem: unknown
  busy: boolean
}

const WAIT_MS = 300
const NOTHING: StartPlan = { plan: null, one: null, problem: null, busy: false }

export function useStartPlan(flow: string, request: StartRequest, ready: boolean): StartPlan {
  const [found, setFound] = useState<StartPlan>(NOTHING)
  useEffect(() => {
    if (!ready) {
      setFound(NOTHING)
      return
    }
    const asked = new AbortController()
    setFound((before) => ({ ...before, busy: true }))
    const timer = setTimeout(() => {
      const tell = (now: Partial<StartPlan>): void => {
        if (!asked.signal.aborted) setFound({ ...NOTHING, ...now })
      }
      call('POST /api/v1/flows/{name}/runs/plan', {
        path: { name: flow },
        query: { trigger: 'manual' },
        body: request,
        signal: asked.signal,
      }).then(
        (one) => tell({ one, plan: asBulk(one) }),
        (problem: unknown) => tell({ problem }),
      )
    }, WAIT_MS)
    return () => {
      clearTimeout(timer)
      asked.abort()
    }
  }, [flow, request, ready])
  return found
}
