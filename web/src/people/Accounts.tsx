/** Accounts: who may sign in, with which role. */

import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { usePages } from '~/api/pages'
import type { AccountView } from '~/api/types'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Checkbox, Field, Input, Select } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { ROLES } from './model'
import css from './people.module.css'

export function Accounts() {
  const client = useQueryClient()
  const found = usePages(['accounts'], (cursor, signal) =>
    call('GET /api/v1/accounts', { query: { limit: 100, cursor }, signal }),
  )
  const [editing, setEditing] = useState<AccountView | 'new' | null>(null)
  const [deleting, setDeleting] = useState<AccountView | null>(null)
  const enable = async (account: AccountView): Promise<void> => {
    try {
      await call('PATCH /api/v1/accounts/{name}', {
        path: { name: account.name },
        body: { enabled: !account.enabled },
      })
      toast.done(account.enabled ? `${account.name} can no longer sign in` : `${account.name} can sign in`)
      await client.invalidateQueries({ queryKey: ['accounts'] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  return (
    <div className={css.part}>
      <div className="page-head">
        <p className="quiet grow">A change counts at once, in sessions and tokens too.</p>
        <Button kind="primary" icon="plus" onClick={() => setEditing('new')}>
          New account…
        </Button>
      </div>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the accounts" />
      ) : (
        <DataTable<AccountView>
          label="Accounts"
          rows={found.rows}
          rowKey={(row) => row.id}
          onOpen={setEditing}
          onEnd={found.onEnd}
          columns={[
            { id: 'name', head: 'Name', cell: (row) => <strong>{row.name}</strong> },
            { id: 'role', head: 'Role', width: '110px', cell: (row) => row.role },
            {
              id: 'more',
              head: 'State',
              width: '24%',
              cell: (row) => (
                <>
                  {!row.enabled && <span className="badge bad">disabled</span>}{' '}
                  {row.reveal && <span className="badge warn">reveals</span>}{' '}
                  {!row.password && <span className="badge">no password</span>}
                </>
              ),
            },
            {
              id: 'seen',
              head: 'Signed in',
              width: '150px',
              wide: true,
              cell: (row) => (
                <span className="quiet">
                  {row.signed_in_at ? <Time at={row.signed_in_at} relative /> : 'never'}
                </span>
              ),
            },
            {
              id: 'menu',
              head: '',
              width: '52px',
              cell: (row) => (
                <Menu
                  label={`Actions for ${row.name}`}
                  items={[
                    { label: 'Change…', icon: 'edit', act: () => setEditing(row) },
                    { label: row.enabled ? 'Disable' : 'Enable', icon: 'skip', act: () => void enable(row) },
                    { label: 'Delete…', icon: 'trash', danger: true, act: () => setDeleting(row) },
                  ]}
                />
              ),
            },
          ]}
          empty={
            <Empty icon="people" title="No accounts yet">
              Make the first administrator with “New account”. Then people sign in by name and password, and
              other machines can be let in.
            </Empty>
          }
        />
      )}
      {editing && (
        <AccountDialog account={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      )}
      {deleting && (
        <Confirm
          title={`Delete the account ${deleting.name}?`}
          about="Its sessions and tokens end. What was done stays in the audit log under this name."
          action="Delete"
          danger
          onClose={() => setDeleting(null)}
          act={async () => {
            await call('DELETE /api/v1/accounts/{name}', { path: { name: deleting.name } })
            toast.done(`Deleted ${deleting.name}`)
            await client.invalidateQueries({ queryKey: ['accounts'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </div>
  )
}

function AccountDialog({ account, onClose }: { account: AccountView | null; onClose(): void }) {
  const client = useQueryClient()
  const [name, setName] = useState(account?.name ?? '')
  const [role, setRole] = useState<AccountView['role']>(account?.role ?? 'viewer')
  const [reveal, setReveal] = useState(account?.reveal ?? false)
  const [password, setPassword] = useState('')
  return (
    <Confirm
      title={account ? `Account ${account.name}` : 'New account'}
      action={account ? 'Save' : 'Create'}
      onClose={onClose}
      act={async () => {
        const more = { role, reveal, password: password || null }
        if (account) {
          await call('PATCH /api/v1/accounts/{name}', { path: { name: account.name }, body: more })
        } else {
          await call('POST /api/v1/accounts', { body: { name: name.trim(), ...more } })
        }
        toast.done(`Saved ${name.trim()}`)
        await client.invalidateQueries({ queryKey: ['accounts'] })
        await client.invalidateQueries({ queryKey: ['me'] })
      }}
    >
      {account === null && (
        <Field label="Name" help="What they type to sign in.">
          <Input value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
      )}
      <Field label="Role" help={ROLES.find((one) => one.value === role)?.help}>
        <Select value={role} options={ROLES} onChange={(value) => setRole(value as AccountView['role'])} />
      </Field>
      <Field
        label={account ? 'New password' : 'Password'}
        help={
          account
            ? 'Empty: it stays as it is. A new one ends their sessions.'
            : 'At least 10 characters. Empty: they sign in by the identity provider only.'
        }
      >
        <Input
          type="password"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      <p className={css.foot}>
        <Checkbox label="May see what masking rules hide" checked={reveal} onChange={setReveal} />
      </p>
    </Confirm>
  )
}
