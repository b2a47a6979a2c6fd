/** One data pool: its keys, found, added, removed; exported and cleared. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { address, call, send } from '~/api/client'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { PoolEntryView } from '~/api/types'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Field, Input, TextArea } from '~/components/Field'
import { count, plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { CsvDialog } from '~/lookups/CsvDialog'
import css from '~/lookups/lookups.module.css'
import { usePart, useTitle, useView } from '~/routes/hooks'
import { keysOf } from './keys'

export default function PoolPage() {
  const name = usePart('pool')
  useTitle(name)
  const [view, change] = useView()
  const flow = view.flow ?? null
  const client = useQueryClient()
  const navigate = useNavigate()
  const may = useCan()('build')
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [asking, setAsking] = useState<'add' | 'clear' | 'delete' | 'import' | 'remove' | null>(null)
  const [text, setText] = useState('')
  const pool = useQuery({
    queryKey: ['pools', name, flow],
    queryFn: ({ signal }) => call('GET /api/v1/pools/{name}', { path: { name }, query: { flow }, signal }),
  })
  const found = usePages(['pools', name, flow, 'entries', view.text], (cursor, signal) =>
    call('GET /api/v1/pools/{name}/entries', {
      path: { name },
      query: { flow, text: view.text, limit: 200, cursor },
      signal,
    }),
  )
  const again = (): Promise<void> => client.invalidateQueries({ queryKey: ['pools'] })
  if (pool.error) return <ProblemNote error={pool.error} onRetry={() => void pool.refetch()} />
  if (pool.isPending) return <Loading what="Reading the data pool" />
  const close = (): void => setAsking(null)
  return (
    <div className="page-full">
      <div className="page-head">
        <h1 className="one-line">{name}</h1>
        <span className="quiet">
          {plural(pool.data.entries, 'key')}
          {flow ? ` of the flow ${flow}` : ''}
        </span>
        <form
          key={view.text}
          className={css.find}
          onSubmit={(event) => {
            event.preventDefault()
            change({ text: String(new FormData(event.currentTarget).get('text')) })
          }}
        >
          <Input
            type="search"
            name="text"
            aria-label="Find in the data pool"
            placeholder="Find, then Enter"
            defaultValue={view.text}
          />
        </form>
        <span className="grow" />
        {may && selected.size > 0 && (
          <Button icon="trash" kind="danger" onClick={() => setAsking('remove')}>
            Remove {count(selected.size)}…
          </Button>
        )}
        {may && (
          <Button icon="plus" kind="primary" onClick={() => setAsking('add')}>
            Add keys…
          </Button>
        )}
        <Menu
          label={`Actions for ${name}`}
          items={[
            {
              label: 'Export as CSV',
              icon: 'download',
              href: `/api/v1/pools/${encodeURIComponent(name)}/export${flow ? `?flow=${encodeURIComponent(flow)}` : ''}`,
              download: true,
            },
            ...(may
              ? [
                  { label: 'Import keys…', icon: 'upload' as const, act: () => setAsking('import') },
                  'line' as const,
                  { label: 'Clear…', icon: 'minus' as const, danger: true, act: () => setAsking('clear') },
                  { label: 'Delete…', icon: 'trash' as const, danger: true, act: () => setAsking('delete') },
                ]
              : []),
          ]}
        />
      </div>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the keys" />
      ) : (
        <DataTable<PoolEntryView>
          label="Keys"
          rows={found.rows}
          rowKey={(row) => row.key}
          selected={may ? selected : undefined}
          onSelect={may ? setSelected : undefined}
          onEnd={found.onEnd}
          rowHeight={36}
          columns={[
            { id: 'key', head: 'Key', cell: (row) => <span className="mono">{row.key}</span> },
            { id: 'at', head: 'Since', width: '170px', cell: (row) => <Time at={row.at} /> },
            {
              id: 'run',
              head: 'Run',
              width: '190px',
              wide: true,
              cell: (row) =>
                row.run ? (
                  <Link to={`/runs/${row.run}` as string}>{row.run}</Link>
                ) : (
                  <span className="quiet">by hand</span>
                ),
            },
            {
              id: 'provisional',
              head: '',
              width: '130px',
              cell: (row) => row.provisional && <span className="badge warn">provisional</span>,
            },
          ]}
          foot={found.isFetchingNextPage ? <Loading what="Reading on" /> : null}
          empty={
            <Empty icon="pool" title={view.text ? `No key holds ${view.text}` : 'No keys'}>
              A key stands here once a run has seen its record.
            </Empty>
          }
        />
      )}
      {asking === 'import' && (
        <CsvDialog noun="pool" name={name} flow={flow} onClose={close} onDone={() => void again()} />
      )}
      {asking === 'add' && (
        <Confirm
          title={`Add keys to ${name}`}
          about="Records with these keys count as seen."
          action="Add"
          onClose={close}
          act={async () => {
            await call('PUT /api/v1/pools/{name}/entries', {
              path: { name },
              query: { flow },
              body: { keys: keysOf(text) },
            })
            toast.done(`Added ${plural(keysOf(text).length, 'key')}`)
            setText('')
            await again()
          }}
        >
          <Field label="Keys" help="One on each line.">
            <TextArea rows={8} value={text} onChange={(event) => setText(event.target.value)} />
          </Field>
        </Confirm>
      )}
      {asking === 'remove' && (
        <Confirm
          title={`Remove ${plural(selected.size, 'key')}?`}
          about="Records with these keys count as new: the next run lets them through."
          action="Remove"
          danger
          onClose={close}
          act={async () => {
            const query = new URLSearchParams([...selected].map((key) => ['key', key]))
            if (flow) query.set('flow', flow)
            await removeKeys(name, query)
            toast.done(`Removed ${plural(selected.size, 'key')}`)
            setSelected(new Set())
            await again()
          }}
        >
          {null}
        </Confirm>
      )}
      {(asking === 'clear' || asking === 'delete') && (
        <Confirm
          title={asking === 'clear' ? `Clear the data pool ${name}?` : `Delete the data pool ${name}?`}
          about={`${plural(pool.data.entries, 'key goes', 'keys go')}: its records count as new, and may be sent again.`}
          action={asking === 'clear' ? 'Clear' : 'Delete'}
          danger
          typed={pool.data.entries > 0 ? name : undefined}
          onClose={close}
          act={async () => {
            if (asking === 'clear') {
              await call('POST /api/v1/pools/{name}/clear', { path: { name }, query: { flow } })
            } else await call('DELETE /api/v1/pools/{name}', { path: { name }, query: { flow } })
            toast.done(asking === 'clear' ? `Cleared ${name}` : `Deleted ${name}`)
            if (asking === 'delete') {
              await navigate({ to: '/pools' as string })
              client.removeQueries({ queryKey: ['pools', name] })
            }
            await again()
          }}
        >
          {null}
        </Confirm>
      )}
    </div>
  )
}

/** `key` stands once for each in the address, which `call` does not write. */
async function removeKeys(name: string, query: URLSearchParams): Promise<void> {
  await send(`${address('/api/v1/pools/{name}/entries', { name })}?${query}`, { method: 'DELETE' })
}
