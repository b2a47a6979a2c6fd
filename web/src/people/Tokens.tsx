/** API tokens: for programs, with scopes and an end. The text of one is shown once. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import type { NewToken, TokenView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { CopyButton } from '~/components/CopyButton'
import { DataTable } from '~/components/DataTable'
import { Dialog } from '~/components/Dialog'
import { Empty } from '~/components/Empty'
import { Checkbox, Field, Input, Select } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { SCOPES } from './model'
import css from './people.module.css'

export function Tokens() {
  const client = useQueryClient()
  const found = useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => call('GET /api/v1/tokens', { signal }),
  })
  const [making, setMaking] = useState(false)
  const [made, setMade] = useState<NewToken | null>(null)
  const [revoking, setRevoking] = useState<TokenView | null>(null)
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the tokens" />
  return (
    <div className={css.part}>
      <div className="page-head">
        <p className="quiet grow">
          A program sends one as <code>Authorization: Bearer …</code>. It never may more than you.
        </p>
        <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
          New token…
        </Button>
      </div>
      <DataTable<TokenView>
        label="API tokens"
        rows={found.data.items}
        rowKey={(row) => row.id}
        columns={[
          { id: 'name', head: 'Name', cell: (row) => <strong>{row.name}</strong> },
          { id: 'account', head: 'Of', width: '16%', wide: true, cell: (row) => row.account ?? 'the home' },
          { id: 'scopes', head: 'May', cell: (row) => row.scopes.join(', ') },
          {
            id: 'expires',
            head: 'Ends',
            width: '130px',
            cell: (row) => (row.expires_at ? <Time at={row.expires_at} relative /> : 'never'),
          },
          {
            id: 'used',
            head: 'Used',
            width: '110px',
            wide: true,
            cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} relative /> : 'never'),
          },
          {
            id: 'revoke',
            head: '',
            width: '52px',
            cell: (row) => (
              <IconButton label={`Revoke ${row.name}`} icon="trash" onClick={() => setRevoking(row)} />
            ),
          },
        ]}
        empty={
          <Empty icon="key" title="No tokens">
            Make one for each program that calls the API, with no more scopes than it needs.
          </Empty>
        }
      />
      {making && <TokenDialog onClose={() => setMaking(false)} onMade={setMade} />}
      {made && (
        <Dialog
          open
          onClose={() => setMade(null)}
          title={`The token ${made.name}`}
          about="Copy it now: it is not shown again, only its hash is kept."
          actions={
            <Button kind="primary" onClick={() => setMade(null)}>
              Done
            </Button>
          }
        >
          <div className="command">
            <code className={css.token}>{made.token}</code>
            <CopyButton text={made.token} label="Copy the token" />
          </div>
        </Dialog>
      )}
      {revoking && (
        <Confirm
          title={`Revoke the token ${revoking.name}?`}
          about="The program that uses it is refused from now on."
          action="Revoke"
          danger
          onClose={() => setRevoking(null)}
          act={async () => {
            await call('DELETE /api/v1/tokens/{token_id}', { path: { token_id: revoking.id } })
            toast.done(`Revoked ${revoking.name}`)
            await client.invalidateQueries({ queryKey: ['tokens'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </div>
  )
}

function TokenDialog({ onClose, onMade }: { onClose(): void; onMade(token: NewToken): void }) {
  const client = useQueryClient()
  const can = useCan()
  const [name, setName] = useState('')
  const [days, setDays] = useState('90')
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set(['read']))
  return (
    <Confirm
      title="New token"
      action="Create"
      onClose={onClose}
      act={async () => {
        const token = await call('POST /api/v1/tokens', {
          body: { name: name.trim(), days: days === '' ? null : Number(days), scopes: [...scopes] },
        })
        await client.invalidateQueries({ queryKey: ['tokens'] })
        onMade(token)
      }}
    >
      <Field label="Name" help="Of the program that will use it.">
        <Input value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <Field label="Ends">
        <Select
          value={days}
          onChange={setDays}
          options={[
            { value: '7', label: 'in 7 days' },
            { value: '30', label: 'in 30 days' },
            { value: '90', label: 'in 90 days' },
            { value: '365', label: 'in a year' },
            { value: '', label: 'never' },
          ]}
        />
      </Field>
      <fieldset className={css.scopes}>
        <legend>It may</legend>
        {SCOPES.filter(can).map((scope) => (
          <Checkbox
            key={scope}
            label={scope}
            checked={scopes.has(scope)}
            onChange={(on) => {
              const next = new Set(scopes)
              if (on) next.add(scope)
              else next.delete(scope)
              setScopes(next)
            }}
          />
        ))}
      </fieldset>
    </Confirm>
  )
}
