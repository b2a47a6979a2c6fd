/** One connection: its settings, where its secrets come from, where it is used; and trying it. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { Empty } from '~/components/Empty'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { usePart, useTitle, useView } from '~/routes/hooks'
import { ConnectionDialog } from './ConnectionDialog'
import css from './connections.module.css'
import { settingText, sourceWords } from './model'
import { TryPanel } from './TryPanel'

export default function ConnectionPage() {
  const name = usePart('connection')
  useTitle(name)
  const [view, change] = useView()
  const client = useQueryClient()
  const navigate = useNavigate()
  const can = useCan()
  const [editing, setEditing] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const list = useQuery({
    queryKey: ['connections'],
    queryFn: ({ signal }) => call('GET /api/v1/connections', { signal }),
  })
  const connection = list.data?.items.find((one) => one.name === name)
  const uses = useQuery({
    queryKey: ['connections', name, 'uses'],
    queryFn: ({ signal }) => call('GET /api/v1/connections/{name}/uses', { path: { name }, signal }),
    enabled: connection !== undefined,
  })
  const connector = useQuery({
    queryKey: ['connector', connection?.connector],
    queryFn: ({ signal }) =>
      call('GET /api/v1/connectors/{name}', { path: { name: connection?.connector ?? '' }, signal }),
    enabled: connection !== undefined,
    retry: false,
  })
  useCameBack(name)
  if (list.error) return <ProblemNote error={list.error} onRetry={() => void list.refetch()} />
  if (list.isPending) return <Loading what="Reading the connection" />
  if (connection === undefined) {
    return (
      <div className="page">
        <Empty icon="plug" title={`There is no connection ${name}`}>
          <Link to={'/connections' as string}>All connections</Link>
        </Empty>
      </div>
    )
  }
  const authorize = async (): Promise<void> => {
    try {
      const back = `${location.origin}/connections/${encodeURIComponent(name)}`
      const begun = await call('POST /api/v1/connections/{name}/authorizations', {
        path: { name },
        body: { redirect_uri: back },
      })
      if (begun.url) location.assign(begun.url)
      else toast.done(`${name} is authorized`)
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  const used = uses.data?.items ?? []
  return (
    <div className="page">
      <div className="page-head">
        <h1 className="one-line">{name}</h1>
        <Link to={`/connectors/${encodeURIComponent(connection.connector)}` as string} className="badge">
          {connection.connector}
        </Link>
        <span className="grow" />
        {can('build') && (
          <>
            <Button
              kind="primary"
              icon="play"
              disabled={!connector.data}
              onClick={() => change({ try: 'yes' }, { push: true })}
            >
              Try it…
            </Button>
            <Button icon="edit" onClick={() => setEditing(true)}>
              Edit…
            </Button>
            <Button icon="key" onClick={() => void authorize()}>
              Authorize (OAuth 2)
            </Button>
            <Button icon="trash" kind="danger" onClick={() => setDeleting(true)}>
              Delete…
            </Button>
          </>
        )}
      </div>
      {connector.error && <ProblemNote error={connector.error} />}
      <div className={css.columns}>
        <section className={`card ${css.box}`} aria-labelledby="settings">
          <h2 id="settings">Settings</h2>
          {Object.keys(connection.settings).length === 0 ? (
            <p className="quiet">None.</p>
          ) : (
            <dl className={css.facts}>
              {Object.entries(connection.settings).map(([key, value]) => [
                <dt key={key}>{key}</dt>,
                <dd key={`${key} value`} className="mono">
                  {settingText(value)}
                </dd>,
              ])}
            </dl>
          )}
        </section>
        <section className={`card ${css.box}`} aria-labelledby="secrets">
          <h2 id="secrets">Secrets</h2>
          {Object.keys(connection.secrets).length === 0 ? (
            <p className="quiet">None.</p>
          ) : (
            <dl className={css.facts}>
              {Object.entries(connection.secrets).map(([key, source]) => [
                <dt key={key}>{key}</dt>,
                <dd key={`${key} source`}>{sourceWords(source)}</dd>,
              ])}
            </dl>
          )}
        </section>
        <section className={`card ${css.box}`} aria-labelledby="uses">
          <h2 id="uses">Where it is used</h2>
          {uses.error ? (
            <ProblemNote error={uses.error} />
          ) : used.length === 0 ? (
            <p className="quiet">{uses.isPending ? '' : 'No flow uses it.'}</p>
          ) : (
            <ul>
              {used.map((use) => (
                <li key={`${use.flow} ${use.version}`}>
                  <Link className="link" to={`/flows/${encodeURIComponent(use.flow)}` as string}>
                    {use.flow}
                  </Link>{' '}
                  <span className="quiet">
                    {use.version === null ? 'draft' : `version ${use.version}`}: {use.steps.join(', ')}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
      {editing && <ConnectionDialog connection={connection} onClose={() => setEditing(false)} />}
      {deleting && (
        <Confirm
          title={`Delete the connection ${name}?`}
          about="Its settings and secrets go. Runs that used it stay readable."
          action="Delete"
          danger
          onClose={() => setDeleting(false)}
          act={async () => {
            await call('DELETE /api/v1/connections/{name}', { path: { name } })
            toast.done(`Deleted ${name}`)
            await navigate({ to: '/connections' as string })
            client.removeQueries({ queryKey: ['connections', name] })
            await client.invalidateQueries({ queryKey: ['connections'] })
          }}
        >
          {used.length > 0 && (
            <p>
              It is used by {used.map((use) => use.flow).join(', ')}: these steps need another connection
              first.
            </p>
          )}
        </Confirm>
      )}
      {view.try && connector.data && (
        <TryPanel
          connection={name}
          connector={connector.data}
          first={view.endpoint}
          onClose={() => change({ try: null, endpoint: null })}
        />
      )}
    </div>
  )
}

/** The system's page led back here with a code: it is handed over once, and leaves the address. */
function useCameBack(name: string): void {
  const [view, change] = useView()
  const came = view.code !== undefined && view.state !== undefined
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the address holds the code
  useEffect(() => {
    if (!came) return
    const url = location.href
    change({ code: null, state: null, iss: null, scope: null })
    call('POST /api/v1/connections/{name}/authorizations/complete', { path: { name }, body: { url } })
      .then(() => toast.done(`${name} is authorized`))
      .catch(toast.problem)
  }, [came, name])
}
