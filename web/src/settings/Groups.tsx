/** Notification groups: where messages go, and whether they arrive. */

import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { GroupView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { Empty } from '~/components/Empty'
import { Field, Input, Select } from '~/components/Field'
import { duration } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import css from './settings.module.css'

export function Groups() {
  const client = useQueryClient()
  const may = useCan()('build')
  const [making, setMaking] = useState(false)
  const [deleting, setDeleting] = useState<string | null>(null)
  const [testing, setTesting] = useState<string | null>(null)
  const found = usePages(['groups'], (cursor, signal) =>
    call('GET /api/v1/groups', { query: { limit: 100, cursor }, signal }),
  )
  const test = async (group: GroupView): Promise<void> => {
    setTesting(group.name)
    try {
      const done = await call('POST /api/v1/groups/{name}/test', { path: { name: group.name } })
      const faults = Object.values(done.results).filter((one) => one !== null)
      if (done.sent) toast.done(`A test message went to ${group.name}`)
      else toast.problem(new Error(faults.join('; ') || 'It was not sent.'))
    } catch (thrown) {
      toast.problem(thrown)
    }
    setTesting(null)
  }
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the groups" />
  return (
    <>
      {may && (
        <p className={css.head}>
          <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
            New group…
          </Button>
        </p>
      )}
      {found.rows.length === 0 ? (
        <Empty icon="bell" title="No notification groups">
          A group says where messages of failed runs go: e-mail, Slack, Teams, a webhook.
        </Empty>
      ) : (
        <table className={css.table} aria-label="Notification groups">
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col">From level</th>
              <th scope="col">Quiet for</th>
              <th scope="col">Where its URLs are</th>
              <th scope="col">
                <span className="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.rows.map((one) => (
              <tr key={one.name}>
                <th scope="row">{one.name}</th>
                <td>{one.level}</td>
                <td>{duration(one.quiet_period_s)}</td>
                <td>{one.urls.join(', ')}</td>
                <td>
                  {may && (
                    <span className="row">
                      <Button
                        icon="bell"
                        busy={testing === one.name}
                        aria-label={`Test ${one.name}`}
                        onClick={() => void test(one)}
                      >
                        Test
                      </Button>
                      <IconButton
                        label={`Delete ${one.name}`}
                        icon="trash"
                        onClick={() => setDeleting(one.name)}
                      />
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {making && <GroupDialog onClose={() => setMaking(false)} />}
      {deleting && (
        <Confirm
          title={`Delete the group ${deleting}?`}
          about="Messages to it go nowhere any more."
          action="Delete"
          danger
          onClose={() => setDeleting(null)}
          act={async () => {
            await call('DELETE /api/v1/groups/{name}', { path: { name: deleting } })
            toast.done(`Deleted ${deleting}`)
            await client.invalidateQueries({ queryKey: ['groups'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </>
  )
}

function GroupDialog({ onClose }: { onClose(): void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [kind, setKind] = useState('url')
  const [where, setWhere] = useState('')
  const [level, setLevel] = useState<GroupView['level']>('error')
  return (
    <Confirm
      title="New group"
      action="Create"
      onClose={onClose}
      act={async () => {
        await call('PUT /api/v1/groups/{name}', {
          path: { name: name.trim() },
          body: { urls: [{ [kind]: where.trim() }], level },
        })
        toast.done(`Made ${name.trim()}`)
        await client.invalidateQueries({ queryKey: ['groups'] })
      }}
    >
      <Field label="Name">
        <Input value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <Field label="Its URL is">
        <Select
          value={kind}
          onChange={setKind}
          options={[
            { value: 'url', label: 'this one, sealed and never shown again' },
            { value: 'env', label: 'in an environment variable' },
            { value: 'file', label: 'in a file' },
          ]}
        />
      </Field>
      <Field label="Where" help="An Apprise URL, such as mailto://… or slack://…, or the name of its place.">
        <Input
          type={kind === 'url' ? 'password' : 'text'}
          autoComplete="new-password"
          value={where}
          onChange={(event) => setWhere(event.target.value)}
        />
      </Field>
      <Field label="Messages from level">
        <Select
          value={level}
          options={['info', 'warning', 'error']}
          onChange={(value) => setLevel(value as GroupView['level'])}
        />
      </Field>
    </Confirm>
  )
}
