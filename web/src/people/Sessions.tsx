/** The browsers that are signed in; any of them can be ended. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { call } from '~/api/client'
import { session as here } from '~/api/session'
import type { SessionView } from '~/api/types'
import { Button } from '~/components/Button'
import { DataTable } from '~/components/DataTable'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { agentWords, wayWords } from './model'
import css from './people.module.css'

export function Sessions({ all }: { all: boolean }) {
  const client = useQueryClient()
  const found = useQuery({
    queryKey: ['sessions', all],
    queryFn: ({ signal }) => call('GET /api/v1/sessions', { query: { all }, signal }),
  })
  const end = async (one: SessionView): Promise<void> => {
    try {
      await call('DELETE /api/v1/sessions/{session_id}', { path: { session_id: one.id } })
      if (one.current) return here.ended()
      toast.done('The session has ended')
      await client.invalidateQueries({ queryKey: ['sessions'] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the sessions" />
  return (
    <div className={css.part}>
      <DataTable<SessionView>
        label="Sessions"
        rows={found.data.items}
        rowKey={(row) => row.id}
        columns={[
          {
            id: 'who',
            head: 'Who',
            cell: (row) => (
              <>
                <strong>{row.account ?? 'local administrator'}</strong>{' '}
                {row.current && <span className="badge good">this browser</span>}
              </>
            ),
          },
          {
            id: 'agent',
            head: 'Browser',
            wide: true,
            cell: (row) => <span title={row.agent ?? ''}>{agentWords(row.agent)}</span>,
          },
          { id: 'way', head: 'By', width: '150px', wide: true, cell: (row) => wayWords(row.way) },
          { id: 'address', head: 'From', width: '140px', wide: true, cell: (row) => row.address ?? '–' },
          { id: 'seen', head: 'Seen', width: '110px', cell: (row) => <Time at={row.seen_at} relative /> },
          {
            id: 'end',
            head: '',
            width: '100px',
            cell: (row) => (
              <Button
                aria-label={`End the session of ${row.account ?? 'the local administrator'}${row.current ? ' in this browser' : ''}`}
                onClick={() => void end(row)}
              >
                End it
              </Button>
            ),
          },
        ]}
      />
    </div>
  )
}
