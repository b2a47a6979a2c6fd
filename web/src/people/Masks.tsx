/** Masking rules: what is hidden from all who may not reveal. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import type { MaskView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Field, Input } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import css from './people.module.css'

export function Masks() {
  const client = useQueryClient()
  const can = useCan()
  const found = useQuery({
    queryKey: ['masks'],
    queryFn: ({ signal }) => call('GET /api/v1/masks', { signal }),
  })
  const [editing, setEditing] = useState<MaskView | 'new' | null>(null)
  const [deleting, setDeleting] = useState<MaskView | null>(null)
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the rules" />
  const may = can('mask')
  return (
    <div className={css.part}>
      <div className="page-head">
        <p className="quiet grow">
          {can('reveal')
            ? 'You may reveal: you see what these rules hide, and each look is in the audit log.'
            : 'What these rules hide is hidden from you, in payloads, logs, exchanges and finds.'}
        </p>
        {may && (
          <Button kind="primary" icon="plus" onClick={() => setEditing('new')}>
            New rule…
          </Button>
        )}
      </div>
      <DataTable<MaskView>
        label="Masking rules"
        rows={found.data.items}
        rowKey={(row) => row.name}
        onOpen={may ? setEditing : undefined}
        columns={[
          { id: 'name', head: 'Rule', width: '18%', cell: (row) => <strong>{row.name}</strong> },
          { id: 'fields', head: 'Fields', cell: (row) => <code>{row.fields.join(', ')}</code> },
          {
            id: 'pattern',
            head: 'Values like',
            width: '20%',
            wide: true,
            cell: (row) => <code>{row.pattern}</code>,
          },
          { id: 'flow', head: 'Flow', width: '16%', cell: (row) => row.flow ?? 'all' },
          {
            id: 'menu',
            head: '',
            width: '52px',
            cell: (row) =>
              may && (
                <IconButton label={`Delete ${row.name}`} icon="trash" onClick={() => setDeleting(row)} />
              ),
          },
        ]}
        empty={
          <Empty icon="eye" title="Nothing is hidden">
            A rule hides fields by their name, <code>email</code> or <code>customer.phone</code>, or values by
            a pattern.
          </Empty>
        }
      />
      {editing && <MaskDialog mask={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
      {deleting && (
        <Confirm
          title={`Delete the rule ${deleting.name}?`}
          about="What it hides is shown again to all who may read."
          action="Delete"
          danger
          onClose={() => setDeleting(null)}
          act={async () => {
            await call('DELETE /api/v1/masks/{name}', { path: { name: deleting.name } })
            toast.done(`Deleted ${deleting.name}`)
            await client.invalidateQueries({ queryKey: ['masks'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </div>
  )
}

function MaskDialog({ mask, onClose }: { mask: MaskView | null; onClose(): void }) {
  const client = useQueryClient()
  const [name, setName] = useState(mask?.name ?? '')
  const [fields, setFields] = useState(mask?.fields.join(', ') ?? '')
  const [pattern, setPattern] = useState(mask?.pattern ?? '')
  const [flow, setFlow] = useState(mask?.flow ?? '')
  const [note, setNote] = useState(mask?.note ?? '')
  return (
    <Confirm
      title={mask ? `Rule ${mask.name}` : 'New rule'}
      action="Save"
      onClose={onClose}
      act={async () => {
        await call('PUT /api/v1/masks/{name}', {
          path: { name: name.trim() },
          body: {
            fields: fields
              .split(',')
              .map((one) => one.trim())
              .filter(Boolean),
            pattern: pattern || null,
            flow: flow.trim() || null,
            note: note.trim() || null,
          },
        })
        toast.done(`Saved ${name.trim()}`)
        await client.invalidateQueries({ queryKey: ['masks'] })
      }}
    >
      {mask === null && (
        <Field label="Name">
          <Input value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
      )}
      <Field
        label="Fields"
        help="By name from their end: email, customer.phone, *card*; with commas between."
      >
        <Input value={fields} onChange={(event) => setFields(event.target.value)} />
      </Field>
      <Field label="Values like" help="A regular expression; wherever a value fits it, it is hidden.">
        <Input className="mono" value={pattern} onChange={(event) => setPattern(event.target.value)} />
      </Field>
      <Field label="Only in the flow" help="Empty: in data of all flows.">
        <Input value={flow} onChange={(event) => setFlow(event.target.value)} />
      </Field>
      <Field label="Note">
        <Input value={note} onChange={(event) => setNote(event.target.value)} />
      </Field>
    </Confirm>
  )
}
