/** Cross-reference tables. */

import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { LookupView } from '~/api/types'
import { Button } from '~/components/Button'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { count } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { useTitle } from '~/routes/hooks'
import { CsvDialog } from './CsvDialog'

export default function LookupsPage() {
  useTitle('Lookups')
  const navigate = useNavigate()
  const client = useQueryClient()
  const can = useCan()
  const [importing, setImporting] = useState(false)
  const found = usePages(['lookups'], (cursor, signal) =>
    call('GET /api/v1/lookups', { query: { limit: 100, cursor }, signal }),
  )
  return (
    <div className="page-full">
      <div className="page-head">
        <h1>Lookups</h1>
        <span className="grow" />
        {can('build') && (
          <Button kind="primary" icon="upload" onClick={() => setImporting(true)}>
            Import CSV…
          </Button>
        )}
      </div>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the lookups" />
      ) : (
        <DataTable<LookupView>
          label="Lookups"
          rows={found.rows}
          rowKey={(row) => row.name}
          onOpen={(row) => void navigate({ to: `/lookups/${encodeURIComponent(row.name)}` })}
          onEnd={found.onEnd}
          columns={[
            {
              id: 'name',
              head: 'Lookup',
              cell: (row) => (
                <Link to={`/lookups/${encodeURIComponent(row.name)}` as string}>{row.name}</Link>
              ),
            },
            { id: 'columns', head: 'Columns', wide: true, cell: (row) => row.columns.join(' → ') },
            {
              id: 'entries',
              head: 'Entries',
              width: '120px',
              align: 'right',
              cell: (row) => count(row.entries),
            },
            {
              id: 'updated',
              head: 'Changed',
              width: '150px',
              cell: (row) => <Time at={row.updated_at} relative />,
            },
          ]}
          empty={
            <Empty icon="table" title="No lookups yet">
              A lookup says what a value of one system is called in another. Import a CSV of two columns; a
              step <code>map</code> then asks it by name.
            </Empty>
          }
        />
      )}
      {importing && (
        <CsvDialog
          noun="lookup"
          onClose={() => setImporting(false)}
          onDone={(name) => {
            void client.invalidateQueries({ queryKey: ['lookups'] })
            void navigate({ to: `/lookups/${encodeURIComponent(name)}` })
          }}
        />
      )}
    </div>
  )
}
