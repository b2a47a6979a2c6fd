/** The runs of one flow; each can be laid over the canvas. */

import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import type { RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { type Column, DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { StatusIcon } from '~/components/StatusIcon'
import { Duration, Time } from '~/components/Values'
import { useView } from '~/routes/hooks'

export function FlowRuns({ flow }: { flow: string }) {
  const [, change] = useView()
  const queries = useQueryClient()
  const again = (): void => void queries.invalidateQueries({ queryKey: ['runs', 'of', flow] })
  useRunEvents('all', { onRun: (row) => row.flow === flow && again(), onResume: again })
  const found = useInfiniteQuery({
    queryKey: ['runs', 'of', flow],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/runs', { query: { flow, limit: 50, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the runs" />
  const columns: Column<RunRow>[] = [
    {
      id: 'status',
      head: 'Status',
      width: '170px',
      cell: (run) => <StatusIcon status={run.status} healed={Boolean(run.healed_by)} words />,
    },
    {
      id: 'run',
      head: 'Run',
      width: '170px',
      cell: (run) => (
        <Link to="/runs/$run" params={{ run: run.id } as never}>
          {run.id}
        </Link>
      ),
    },
    { id: 'summary', head: 'What happened', wide: true, cell: (run) => run.summary },
    { id: 'version', head: 'Version', width: '80px', align: 'right', cell: (run) => run.version },
    { id: 'at', head: 'Queued', width: '110px', cell: (run) => <Time at={run.queued_at} relative /> },
    {
      id: 'took',
      head: 'Took',
      width: '90px',
      align: 'right',
      cell: (run) => <Duration seconds={run.duration_s} />,
    },
    {
      id: 'show',
      head: '',
      width: '160px',
      cell: (run) => (
        <Button
          kind="bare"
          icon="flow"
          onClick={() => change({ run: run.id, tab: null, panel: 'run' }, { push: true })}
        >
          On the canvas
        </Button>
      ),
    },
  ]
  return (
    <DataTable
      label={`Runs of ${flow}`}
      rows={found.data.pages.flatMap((page) => page.items)}
      columns={columns}
      rowKey={(run) => run.id}
      onEnd={() => found.hasNextPage && !found.isFetching && void found.fetchNextPage()}
      empty={
        <Empty icon="list" title="It has not run yet">
          Press Run.
        </Empty>
      }
    />
  )
}
