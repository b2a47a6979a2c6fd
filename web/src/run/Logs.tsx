/** The log lines of a step, oldest first. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import type { RunView } from '~/api/types'
import { Button } from '~/components/Button'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { hasEnded } from './model'
import css from './run.module.css'

export function Logs({ run, step }: { run: RunView; step: string }) {
  const found = useInfiniteQuery({
    queryKey: ['logs', run.id, step],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/runs/{run_id}/logs', {
        path: { run_id: run.id },
        query: { step, limit: 200, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: hasEnded(run) ? false : 1_000,
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the log" />
  const lines = found.data.pages.flatMap((page) => page.items)
  if (lines.length === 0) return <p className="quiet">The step wrote nothing to its log.</p>
  return (
    <>
      <ol className={css.logs}>
        {lines.map((line, index) => (
          <li key={index} data-level={line.level}>
            <time dateTime={line.at} title={line.at.replace('T', ' ').replace('Z', ' UTC')}>
              {new Date(line.at).toLocaleTimeString(undefined, { hourCycle: 'h23' })}
            </time>
            <span className={css.level}>{line.level}</span>
            <span>
              {line.message}
              {line.data && Object.keys(line.data).length > 0 && (
                <code className="quiet"> {JSON.stringify(line.data)}</code>
              )}
            </span>
          </li>
        ))}
      </ol>
      {found.hasNextPage && (
        <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Further lines
        </Button>
      )}
    </>
  )
}
