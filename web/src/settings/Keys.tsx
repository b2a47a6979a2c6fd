/** Which key seals stored secrets, and giving them a new one. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import css from './settings.module.css'

export function Keys() {
  const client = useQueryClient()
  const [asking, setAsking] = useState(false)
  const found = useQuery({
    queryKey: ['secrets'],
    queryFn: ({ signal }) => call('GET /api/v1/secrets', { signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the keys" />
  const { keys, sealed, source, unreadable, managed } = found.data
  return (
    <section className={`card ${css.part}`} aria-labelledby="keys">
      <header>
        <h2 id="keys">{plural(sealed, 'sealed secret')}</h2>
        <span className="grow" />
        {managed && (
          <Button icon="key" onClick={() => setAsking(true)}>
            Rotate the key…
          </Button>
        )}
      </header>
      <p className="quiet">The keys come from {source}.</p>
      {unreadable.length > 0 && (
        <p className={css.bad} role="alert">
          No key opens {unreadable.join(', ')}: give these secrets again.
        </p>
      )}
      <table className={css.table} aria-labelledby="keys">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Place</th>
            <th scope="col">Opens</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((one) => (
            <tr key={one.id}>
              <th scope="row">
                <code>{one.id}</code>
              </th>
              <td>{one.place}</td>
              <td>{plural(one.sealed, 'secret')}</td>
              <td>{one.seals && <span className="badge good">seals now</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {asking && (
        <Confirm
          title="Rotate the key?"
          about="A new key is made, all secrets are sealed with it, and old keys go. Older backups need the old key."
          action="Rotate"
          icon="key"
          onClose={() => setAsking(false)}
          act={async () => {
            const done = await call('POST /api/v1/secrets/rotate', { body: {} })
            toast.done(`${plural(done.sealed, 'secret')} sealed with the key ${done.key}`)
            await client.invalidateQueries({ queryKey: ['secrets'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </section>
  )
}
