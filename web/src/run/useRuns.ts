/** The run log's list: pages by cursor, kept live by the stream of all runs. */

import { type InfiniteData, keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useRef } from 'react'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import type { PageRunRow, RunRow } from '~/api/types'
import type { View } from '~/routes/view'
import { FILTERS, FURTHER, hasEnded, merged, PAGE, patched, queryOf } from './model'

type Pages = InfiniteData<PageRunRow, string | null>

/** Changes that come close together are read together. */
const TOGETHER_MS = 120

export function useRuns(view: View) {
  const client = useQueryClient()
  const key = useMemo(() => ['runs', ...[...FILTERS, 'order'].map((name) => view[name] ?? '')], [view])
  const found = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/runs', {
        query: {
          ...queryOf(view, Date.now()),
          brief: true,
          limit: pageParam === null ? PAGE : FURTHER,
          cursor: pageParam,
        },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData, // the table, and an open filter on its head, stay in place
    staleTime: 2_000,
  })

  const timer = useRef(0)
  const readFirst = useCallback(async (): Promise<void> => {
    const fresh = await call('GET /api/v1/runs', {
      query: { ...queryOf(view, Date.now()), brief: true, limit: PAGE },
    }).catch(() => null) // the stream says when the server is back
    if (fresh === null) return
    client.setQueryData<Pages>(key, (data) => {
      const first = data?.pages[0]
      if (data === undefined || first === undefined) return data
      const whole = fresh.next === null || fresh.next === undefined
      const items = merged(first.items, fresh.items, whole)
      return {
        ...data,
        pages: [{ ...first, items, next: whole ? null : (first.next ?? fresh.next) }, ...data.pages.slice(1)],
      }
    })
  }, [client, key, view])

  const soon = useCallback((): void => {
    if (timer.current !== 0 || view.order === 'oldest') return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void readFirst()
    }, TOGETHER_MS)
  }, [readFirst, view.order])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )

  useRunEvents('all', {
    onRun: (row: RunRow) => {
      const known = client
        .getQueryData<Pages>(key)
        ?.pages.flatMap((page) => page.items)
        .find((one) => one.id === row.id)
      if (known) {
        client.setQueryData<Pages>(
          key,
          (data) =>
            data && {
              ...data,
              pages: data.pages.map((page) => ({ ...page, items: patched(page.items, row) })),
            },
        )
      }
      if (!known || hasEnded(row) || known.status !== row.status) soon()
    },
    onResume: soon,
  })

  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data])
  return { ...found, rows, of: key.join('\n'), pages: found.data?.pages.length ?? 0 }
}
