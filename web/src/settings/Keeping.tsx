/** What is kept and what would go, backups, and the search index. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { usePages } from '~/api/pages'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Bytes, Time } from '~/components/Values'
import { dueWords, limitWords } from './model'
import css from './settings.module.css'

export function Keeping() {
  return (
    <div className={css.parts}>
      <Retention />
      <Backups />
      <Index />
    </div>
  )
}

function Retention() {
  const client = useQueryClient()
  const [asking, setAsking] = useState(false)
  const found = useQuery({
    queryKey: ['retention'],
    queryFn: ({ signal }) => call('GET /api/v1/retention', { signal }),
  })
  return (
    <section className={`card ${css.part}`} aria-labelledby="keeping">
      <header>
        <h2 id="keeping">What is kept</h2>
        <span className="grow" />
        <Button icon="trash" onClick={() => setAsking(true)} disabled={!found.data}>
          Take away now…
        </Button>
      </header>
      {found.error && <ProblemNote error={found.error} />}
      {found.isPending && <Loading what="Looking at what is due" />}
      {found.data && (
        <table className={css.table} aria-labelledby="keeping">
          <thead>
            <tr>
              <th scope="col">Flow</th>
              <th scope="col">Payloads</th>
              <th scope="col">…of failed runs</th>
              <th scope="col">Runs</th>
              <th scope="col">The next pass takes</th>
            </tr>
          </thead>
          <tbody>
            {found.data.flows.map((one) => (
              <tr key={one.flow}>
                <th scope="row">{one.flow}</th>
                <td>{limitWords(one.payloads_success)}</td>
                <td>{limitWords(one.payloads_failure)}</td>
                <td>{limitWords(one.runs_success)}</td>
                <td>{dueWords(one)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.data?.flows.length === 0 && <p className="quiet">No flow has runs yet.</p>}
      {asking && (
        <Confirm
          title="Take away what is due?"
          about="What the table says goes for good. It goes by itself at the next pass, too."
          action="Take away"
          danger
          onClose={() => setAsking(false)}
          act={async () => {
            const done = await call('POST /api/v1/retention', { body: {} })
            toast.done(
              `Took the payloads of ${plural(done.expired, 'run')} and ${plural(done.deleted, 'run')} away`,
            )
            await client.invalidateQueries({ queryKey: ['retention'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </section>
  )
}

function Backups() {
  const found = usePages(['backups'], (cursor, signal) =>
    call('GET /api/v1/backups', { query: { limit: 20, cursor }, signal }),
  )
  return (
    <section className={`card ${css.part}`} aria-labelledby="backups">
      <h2 id="backups">Backups</h2>
      <p className="quiet">
        <code>redrive backup FILE</code> writes everything to one file while runs go on.
      </p>
      {found.error && <ProblemNote error={found.error} />}
      {found.rows.length === 0 && !found.isPending && <p>No backup was made of this home yet.</p>}
      {found.rows.length > 0 && (
        <table className={css.table} aria-labelledby="backups">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Name</th>
              <th scope="col">Size</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {found.rows.map((one) => (
              <tr key={one.id}>
                <td>
                  <Time at={one.started_at} />
                </td>
                <th scope="row">{one.name}</th>
                <td>
                  <Bytes value={one.size_bytes} />
                </td>
                <td>
                  {one.state} {one.secrets && <span className="badge warn">with secrets</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.hasNextPage && <Button onClick={found.onEnd}>Show more</Button>}
    </section>
  )
}

function Index() {
  const found = useQuery({
    queryKey: ['search-status'],
    queryFn: ({ signal }) => call('GET /api/v1/search/status', { signal }),
    refetchInterval: 5_000,
  })
  const state = found.data
  return (
    <section className={`card ${css.part}`} aria-labelledby="index">
      <h2 id="index">Search index</h2>
      {found.error && <ProblemNote error={found.error} />}
      {state && (
        <p>
          <span className={`badge ${state.state === 'complete' ? 'good' : 'warn'}`}>{state.state}</span>{' '}
          {plural(state.documents, 'document')}, <Bytes value={state.size_bytes} />
          {state.waiting_runs > 0 && `, ${plural(state.waiting_runs, 'run')} to take up`}
        </p>
      )}
    </section>
  )
}
