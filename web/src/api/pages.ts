/** Lists by cursor. A page of the API may be short, or empty, and yet have a next one. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'

export interface Part<Row> {
  items: Row[]
  next?: string | null
}

type Read<Row> = (cursor: string | null, signal: AbortSignal) => Promise<Part<Row>>

/** So many empty pages are followed before the user is asked whether to look further. */
const MOST_EMPTY = 20

/** The first page from `cursor` on that holds something, or the end. */
export async function readOn<Row>(
  read: Read<Row>,
  cursor: string | null,
  signal: AbortSignal,
): Promise<Part<Row>> {
  let page = await read(cursor, signal)
  for (let many = 1; page.items.length === 0 && page.next && many < MOST_EMPTY; many++) {
    page = await read(page.next, signal)
  }
  return page
}

/** A list that grows by pages: `rows` so far, and `onEnd` for a table that nears its end. */
export function usePages<Row>(key: readonly unknown[], read: Read<Row>, enabled = true) {
  const found = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => readOn(read, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    enabled,
  })
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data])
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])
  return { ...found, rows, onEnd }
}
