/** Connections, and the connectors that they are of. */

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import type { ConnectionView, ConnectorView } from '~/api/types'
import { Button } from '~/components/Button'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Tabs } from '~/components/Tabs'
import { useTitle, useView } from '~/routes/hooks'
import { ConnectionDialog } from './ConnectionDialog'
import css from './connections.module.css'
import { ImportDialog } from './ImportDialog'

export default function ConnectionsPage() {
  useTitle('Connections')
  const [view, change] = useView()
  const can = useCan()
  const [making, setMaking] = useState(false)
  const [importing, setImporting] = useState(false)
  return (
    <div className="page">
      <div className="page-head">
        <h1>Connections</h1>
        <span className="grow" />
        {can('build') && (
          <>
            <Button icon="upload" onClick={() => setImporting(true)}>
              Import a description…
            </Button>
            <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
              New connection…
            </Button>
          </>
        )}
      </div>
      <Tabs
        label="Connections and connectors"
        value={view.tab ?? 'connections'}
        onChange={(tab) => change({ tab: tab === 'connections' ? null : tab })}
        tabs={[
          { id: 'connections', label: 'Connections', body: () => <Connections /> },
          { id: 'connectors', label: 'Connectors', body: () => <Connectors /> },
        ]}
      />
      {making && <ConnectionDialog connection={null} onClose={() => setMaking(false)} />}
      {importing && <ImportDialog onClose={() => setImporting(false)} />}
    </div>
  )
}

function Connections() {
  const navigate = useNavigate()
  const found = useQuery({
    queryKey: ['connections'],
    queryFn: ({ signal }) => call('GET /api/v1/connections', { signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the connections" />
  return (
    <DataTable<ConnectionView>
      label="Connections"
      rows={found.data.items}
      rowKey={(row) => row.name}
      onOpen={(row) => void navigate({ to: `/connections/${encodeURIComponent(row.name)}` })}
      columns={[
        {
          id: 'name',
          head: 'Connection',
          width: '30%',
          cell: (row) => (
            <Link to={`/connections/${encodeURIComponent(row.name)}` as string} className={css.name}>
              {row.name}
            </Link>
          ),
        },
        { id: 'connector', head: 'Connector', width: '22%', cell: (row) => row.connector },
        {
          id: 'settings',
          head: 'Settings',
          wide: true,
          cell: (row) => (
            <span className="quiet">
              {Object.entries(row.settings)
                .map(
                  ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
                )
                .join(', ') || '–'}
            </span>
          ),
        },
        {
          id: 'secrets',
          head: 'Secrets',
          width: '22%',
          wide: true,
          cell: (row) => <span className="quiet">{Object.keys(row.secrets).join(', ') || '–'}</span>,
        },
      ]}
      empty={
        <Empty icon="plug" title="No connections yet">
          A connection is a connector with its settings and secrets. Make one with “New connection”, or take
          documents in with <code>redrive import PATH</code>.
        </Empty>
      }
    />
  )
}

function Connectors() {
  const navigate = useNavigate()
  const found = useQuery({
    queryKey: ['connectors'],
    queryFn: ({ signal }) => call('GET /api/v1/connectors', { signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the connectors" />
  return (
    <DataTable<ConnectorView>
      label="Connectors"
      rows={found.data.items}
      rowKey={(row) => row.name}
      onOpen={(row) => void navigate({ to: `/connectors/${encodeURIComponent(row.name)}` })}
      columns={[
        {
          id: 'name',
          head: 'Connector',
          width: '30%',
          cell: (row) => (
            <Link to={`/connectors/${encodeURIComponent(row.name)}` as string} className={css.name}>
              {row.name}
            </Link>
          ),
        },
        {
          id: 'many',
          head: 'Endpoints',
          width: '130px',
          cell: (row) => plural(Object.keys(row.endpoints).length, 'endpoint'),
        },
        {
          id: 'endpoints',
          head: 'Names',
          wide: true,
          cell: (row) => <span className="quiet">{Object.keys(row.endpoints).slice(0, 12).join(', ')}</span>,
        },
      ]}
      empty={
        <Empty icon="plug" title="No connectors yet">
          A connector describes one outside system. Import its OpenAPI description or a Postman collection
          above, or a connector document with <code>redrive import PATH</code>.
        </Empty>
      }
    />
  )
}
