/** Who is signed in, and what that role may do. What may not be done is not offered. */

import { useQuery } from '@tanstack/react-query'
import { useCallback } from 'react'
import { call } from './client'
import type { Me } from './types'

export type Right =
  | 'self'
  | 'read'
  | 'run'
  | 'redrive'
  | 'stop'
  | 'resolve'
  | 'build'
  | 'deploy'
  | 'administer'
  | 'people'
  | 'audit'
  | 'mask'
  | 'reveal'

export const ME = ['me'] as const

export function useMe() {
  return useQuery({
    queryKey: ME,
    queryFn: ({ signal }) => call('GET /api/v1/me', { signal }),
    staleTime: 60_000,
  })
}

/** `can('build')`. Until the answer is there nothing is offered. */
export function useCan(): (right: Right) => boolean {
  const me = useMe().data
  return useCallback((right: Right) => can(me, right), [me])
}

export function can(me: Pick<Me, 'rights'> | undefined, right: Right): boolean {
  return me?.rights?.includes(right) ?? false
}
