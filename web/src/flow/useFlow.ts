import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import type { FlowView } from '~/api/types'

/** What is stored of a flow besides its text. */
export function useFlow(name: string, exists: boolean): FlowView | undefined {
  return useQuery({
    queryKey: ['flow', name],
    enabled: exists,
    queryFn: ({ signal }) => call('GET /api/v1/flows/{name}', { path: { name }, signal }),
  }).data
}
