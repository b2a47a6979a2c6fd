/** How the page keeps what it has read: fresh for moments, live where a stream follows it. */

import { QueryClient } from '@tanstack/react-query'
import { Problem } from './problem'

export function makeQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        gcTime: 60_000, // what is no longer looked at is let go of: payloads are large
        refetchOnWindowFocus: false,
        retry: (count, error) => count < 2 && error instanceof Problem && error.status === 0,
      },
    },
  })
}
