/** Data pools: keys that flows have seen. */

import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { PoolView } from '~/api/types'
import { Button } from '~/components/Button'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { count } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { CsvDialog } from '~/lookups/CsvDialog'
import { useTitle } from '~/routes/hooks'

export default function PoolsPage() {
  useTitle('Data pools')
  const navigate = useNavigate()
  const client = useQueryClient()
  const can = useCan()
  const [importing, setImporting] = useState(false)
  const found = usePages(['pools'], (cursor, signal) =>
    call('GET /api/v1/pools', { query: { limit: 100, cursor }, signal }),
  )
  const search = (row: PoolView) => (row.flow ? { flow: row.flow } : {})
  return (
    <div className="page-full">
      <div className="page-head">
        <h1>Data pools</h1>
        <span className="grow" />
        {can('build') && (
          <Button kind="primary" icon="upload" onClick={() => setImporting(true)}>
            Import keys…
          </Button>
        )}
      </div>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the data pools" />
      ) : (
        <DataTable<PoolView>
          label="Data pools"
          rows={found.rows}
          rowKey={(row) => `${row.flow ?? ''}/${row.name}`}
          onOpen={(row) =>
            void navigate({ to: `/pools/${encodeURIComponent(row.name)}`, search: search(row) as never })
          }
          onEnd={found.onEnd}
          columns={[
            {
              id: 'name',
              head: 'Data pool',
              cell: (row) => (
                <Link to={`/pools/${encodeURIComponent(row.name)}` as string} search={search(row) as never}>
                  {row.name}
                </Link>
              ),
            },
            { id: 'flow', head: 'Flow', cell: (row) => row.flow ?? 'shared by flows' },
            {
              id: 'entries',
              head: 'Keys',
              width: '120px',
              align: 'right',
              cell: (row) => count(row.entries),
            },
            {
              id: 'provisional',
              head: 'Of runs under way',
              width: '160px',
              align: 'right',
              wide: true,
              cell: (row) => count(row.provisional),
            },
            {
              id: 'created',
              head: 'Made',
              width: '140px',
              wide: true,
              cell: (row) => <Time at={row.created_at} relative />,
            },
          ]}
          empty={
            <Empty icon="pool" title="No data pools yet">
              A step <code>dedupe</code> remembers in a data pool which records it has seen. It makes the pool
              when it first runs.
            </Empty>
          }
        />
      )}
      {importing && (
        <CsvDialog
          noun="pool"
          onClose={() => setImporting(false)}
          onDone={(name) => {
            void client.invalidateQueries({ queryKey: ['pools'] })
            void navigate({ to: `/pools/${encodeURIComponent(name)}` })
          }}
        />
      )}
    </div>
  )
}
