/** One lookup: its rows, one changed or added, asked for a value, exported, cleared. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { LookupEntry } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Field, Input } from '~/components/Field'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { usePart, useTitle, useView } from '~/routes/hooks'
import { CsvDialog } from './CsvDialog'
import css from './lookups.module.css'

export default function LookupPage() {
  const name = usePart('lookup')
  useTitle(name)
  const [view, change] = useView()
  const client = useQueryClient()
  const navigate = useNavigate()
  const may = useCan()('build')
  const [editing, setEditing] = useState<LookupEntry | null>(null)
  const [asking, setAsking] = useState<'clear' | 'delete' | 'import' | null>(null)
  const lookup = useQuery({
    queryKey: ['lookups', name],
    queryFn: ({ signal }) => call('GET /api/v1/lookups/{name}', { path: { name }, signal }),
  })
  const found = usePages(['lookups', name, 'entries', view.text], (cursor, signal) =>
    call('GET /api/v1/lookups/{name}/entries', {
      path: { name },
      query: { text: view.text, limit: 200, cursor },
      signal,
    }),
  )
  const again = (): Promise<void> => client.invalidateQueries({ queryKey: ['lookups'] })
  const remove = async (entry: LookupEntry): Promise<void> => {
    try {
      await call('DELETE /api/v1/lookups/{name}/entries', { path: { name }, query: { from: entry.from } })
      toast.done(`Removed ${entry.from}`)
      await again()
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  if (lookup.error) return <ProblemNote error={lookup.error} onRetry={() => void lookup.refetch()} />
  if (lookup.isPending) return <Loading what="Reading the lookup" />
  const [from, to] = lookup.data.columns
  return (
    <div className="page-full">
      <div className="page-head">
        <h1 className="one-line">{name}</h1>
        <span className="quiet">{plural(lookup.data.entries, 'entry', 'entries')}</span>
        <form
          key={view.text}
          className={css.find}
          onSubmit={(event: FormEvent<HTMLFormElement>) => {
            event.preventDefault()
            change({ text: String(new FormData(event.currentTarget).get('text')) })
          }}
        >
          <Input
            type="search"
            name="text"
            aria-label="Find in the lookup"
            placeholder="Find, then Enter"
            defaultValue={view.text}
          />
        </form>
        <span className="grow" />
        {may && (
          <Button kind="primary" icon="plus" onClick={() => setEditing({ from: '', to: '' })}>
            Add an entry…
          </Button>
        )}
        <Menu
          label={`Actions for ${name}`}
          items={[
            {
              label: 'Export as CSV',
              icon: 'download',
              href: `/api/v1/lookups/${encodeURIComponent(name)}/export`,
              download: true,
            },
            ...(may
              ? [
                  { label: 'Import CSV…', icon: 'upload' as const, act: () => setAsking('import') },
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
        <Loading what="Reading the entries" />
      ) : (
        <DataTable<LookupEntry>
          label="Entries"
          rows={found.rows}
          rowKey={(row) => row.from}
          onOpen={may ? setEditing : undefined}
          onEnd={found.onEnd}
          rowHeight={36}
          columns={[
            { id: 'from', head: from ?? 'From', cell: (row) => <span className="mono">{row.from}</span> },
            { id: 'to', head: to ?? 'To', cell: (row) => <span className="mono">{row.to}</span> },
            {
              id: 'menu',
              head: '',
              width: '52px',
              cell: (row) =>
                may && (
                  <IconButton label={`Remove ${row.from}`} icon="trash" onClick={() => void remove(row)} />
                ),
            },
          ]}
          foot={found.isFetchingNextPage ? <Loading what="Reading on" /> : null}
          empty={
            view.text ? (
              <Empty icon="search" title={`No entry holds ${view.text}`}>
                It is looked for in both columns.
              </Empty>
            ) : (
              <Empty icon="table" title="No entries">
                Add some, or import a CSV.
              </Empty>
            )
          }
        />
      )}
      {editing && <EntryDialog name={name} entry={editing} onClose={() => setEditing(null)} onDone={again} />}
      {asking === 'import' && (
        <CsvDialog noun="lookup" name={name} onClose={() => setAsking(null)} onDone={() => void again()} />
      )}
      {(asking === 'clear' || asking === 'delete') && (
        <Confirm
          title={asking === 'clear' ? `Clear the lookup ${name}?` : `Delete the lookup ${name}?`}
          about={`${plural(lookup.data.entries, 'entry goes', 'entries go')}, for good. Steps that ask it find nothing any more.`}
          action={asking === 'clear' ? 'Clear' : 'Delete'}
          danger
          typed={lookup.data.entries > 0 ? name : undefined}
          onClose={() => setAsking(null)}
          act={async () => {
            if (asking === 'clear') await call('POST /api/v1/lookups/{name}/clear', { path: { name } })
            else await call('DELETE /api/v1/lookups/{name}', { path: { name } })
            toast.done(asking === 'clear' ? `Cleared ${name}` : `Deleted ${name}`)
            if (asking === 'delete') {
              await navigate({ to: '/lookups' as string })
              client.removeQueries({ queryKey: ['lookups', name] })
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

interface EntryProps {
  name: string
  entry: LookupEntry
  onClose(): void
  onDone(): Promise<void>
}

function EntryDialog({ name, entry, onClose, onDone }: EntryProps) {
  const [from, setFrom] = useState(entry.from)
  const [to, setTo] = useState(entry.to)
  return (
    <Confirm
      title={entry.from ? `Entry ${entry.from}` : 'New entry'}
      action="Save"
      onClose={onClose}
      act={async () => {
        await call('PUT /api/v1/lookups/{name}/entries', { path: { name }, body: { from, to } })
        toast.done(`Saved ${from}`)
        await onDone()
      }}
    >
      <Field label="Value">
        <Input value={from} readOnly={entry.from !== ''} onChange={(event) => setFrom(event.target.value)} />
      </Field>
      <Field label="Stands for">
        <Input value={to} onChange={(event) => setTo(event.target.value)} />
      </Field>
    </Confirm>
  )
}
