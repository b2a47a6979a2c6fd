/** Caches of runs, flows and the company; of the open one, its entries. */

import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { CacheEntryView, CacheView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { DataTable } from '~/components/DataTable'
import { Dialog } from '~/components/Dialog'
import { Empty } from '~/components/Empty'
import { Select } from '~/components/Field'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Bytes, Time } from '~/components/Values'
import { useTitle, useView } from '~/routes/hooks'

type Asking = { act: 'clear' | 'expired' | 'delete'; cache: CacheView }

export default function CachesPage() {
  useTitle('Caches')
  const [view, change] = useView()
  const client = useQueryClient()
  const may = useCan()('build')
  const [asking, setAsking] = useState<Asking | null>(null)
  const scope = view.scope as CacheView['scope'] | undefined
  const found = usePages(['caches', scope], (cursor, signal) =>
    call('GET /api/v1/caches', { query: { scope, limit: 100, cursor }, signal }),
  )
  const open = found.rows.find((row) => row.id === view.cache)
  return (
    <div className="page-full">
      <div className="page-head">
        <h1>Caches</h1>
        <span className="grow" />
        <span>
          <Select
            aria-label="Scope"
            value={scope ?? ''}
            onChange={(value) => change({ scope: value })}
            options={[
              { value: '', label: 'All scopes' },
              { value: 'company', label: 'Of the company' },
              { value: 'flow', label: 'Of a flow' },
              { value: 'run', label: 'Of a run' },
            ]}
          />
        </span>
      </div>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the caches" />
      ) : (
        <DataTable<CacheView>
          label="Caches"
          rows={found.rows}
          rowKey={(row) => row.id}
          onOpen={(row) => change({ cache: row.id }, { push: true })}
          onEnd={found.onEnd}
          columns={[
            {
              id: 'name',
              head: 'Cache',
              cell: (row) => (
                <Button kind="bare" onClick={() => change({ cache: row.id }, { push: true })}>
                  {row.name}
                </Button>
              ),
            },
            { id: 'scope', head: 'Scope', width: '110px', cell: (row) => row.scope },
            { id: 'of', head: 'Of', cell: (row) => row.run ?? row.flow ?? 'the company' },
            {
              id: 'at',
              head: 'Made',
              width: '140px',
              wide: true,
              cell: (row) => <Time at={row.created_at} relative />,
            },
            {
              id: 'menu',
              head: '',
              width: '52px',
              cell: (row) =>
                may && (
                  <Menu
                    label={`Actions for ${row.name}`}
                    items={[
                      {
                        label: 'Clear what has expired…',
                        icon: 'clock',
                        act: () => setAsking({ act: 'expired', cache: row }),
                      },
                      {
                        label: 'Clear…',
                        icon: 'minus',
                        danger: true,
                        act: () => setAsking({ act: 'clear', cache: row }),
                      },
                      {
                        label: 'Delete…',
                        icon: 'trash',
                        danger: true,
                        act: () => setAsking({ act: 'delete', cache: row }),
                      },
                    ]}
                  />
                ),
            },
          ]}
          empty={
            <Empty icon="cache" title="No caches">
              A step <code>add_to_cache</code> makes one; <code>load_from_cache</code> reads it in a later
              step or another flow.
            </Empty>
          }
        />
      )}
      {open && <Entries cache={open} may={may} onClose={() => change({ cache: null })} />}
      {asking && (
        <Confirm
          title={
            asking.act === 'delete' ? `Delete the cache ${asking.cache.name}?` : `Clear ${asking.cache.name}?`
          }
          about={
            asking.act === 'expired'
              ? 'Entries whose time is over go.'
              : 'Its entries go, for good. Steps that load them find nothing.'
          }
          action={asking.act === 'delete' ? 'Delete' : 'Clear'}
          danger
          onClose={() => setAsking(null)}
          act={async () => {
            const path = { cache: asking.cache.id }
            const done =
              asking.act === 'delete'
                ? await call('DELETE /api/v1/caches/{cache}', { path })
                : await call('POST /api/v1/caches/{cache}/clear', {
                    path,
                    query: { expired: asking.act === 'expired' },
                  })
            toast.done(`Removed ${plural(done.removed, 'entry', 'entries')}`)
            await client.invalidateQueries({ queryKey: ['caches'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </div>
  )
}

function Entries({ cache, may, onClose }: { cache: CacheView; may: boolean; onClose(): void }) {
  const client = useQueryClient()
  const path = { cache: cache.id }
  const found = usePages(['caches', cache.id, 'entries'], (cursor, signal) =>
    call('GET /api/v1/caches/{cache}/entries', { path, query: { limit: 100, cursor }, signal }),
  )
  const remove = async (entry: CacheEntryView): Promise<void> => {
    try {
      await call('DELETE /api/v1/caches/{cache}/entries', { path, query: { entry: entry.entry } })
      toast.done(`Removed ${entry.entry}`)
      await client.invalidateQueries({ queryKey: ['caches', cache.id] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  return (
    <Dialog open onClose={onClose} as="panel" size="wide" title={`Cache ${cache.name}`}>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the entries" />
      ) : (
        <DataTable<CacheEntryView>
          label="Entries"
          rows={found.rows}
          rowKey={(row) => row.entry}
          onEnd={found.onEnd}
          columns={[
            { id: 'entry', head: 'Entry', cell: (row) => <span className="mono">{row.entry}</span> },
            { id: 'pages', head: 'Pages', width: '80px', align: 'right', cell: (row) => row.pages },
            {
              id: 'size',
              head: 'Size',
              width: '90px',
              align: 'right',
              cell: (row) => <Bytes value={row.size_bytes} />,
            },
            { id: 'at', head: 'Added', width: '110px', cell: (row) => <Time at={row.at} relative /> },
            {
              id: 'expires',
              head: 'Ends',
              width: '110px',
              cell: (row) => (row.expires_at ? <Time at={row.expires_at} relative /> : 'never'),
            },
            {
              id: 'menu',
              head: '',
              width: '90px',
              cell: (row) => (
                <span className="row">
                  <a
                    className="icon-button"
                    aria-label={`Download ${row.entry}`}
                    title={`Download ${row.entry}`}
                    download
                    href={`/api/v1/caches/${cache.id}/content?entry=${encodeURIComponent(row.entry)}`}
                  >
                    ↓
                  </a>
                  {may && (
                    <IconButton label={`Remove ${row.entry}`} icon="trash" onClick={() => void remove(row)} />
                  )}
                </span>
              ),
            },
          ]}
          empty={
            <Empty icon="cache" title="No entries">
              They have expired, or were cleared.
            </Empty>
          }
        />
      )}
    </Dialog>
  )
}
