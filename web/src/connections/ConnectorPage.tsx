/** One connector: its endpoints with parameters, fields and samples, and the connections of it. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '~/api/client'
import { useCan } from '~/api/me'
import type { BodyView, EndpointView } from '~/api/types'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { Input } from '~/components/Field'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { Pre } from '~/components/Pre'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { usePart, useTitle, useView } from '~/routes/hooks'
import css from './connections.module.css'

const SHOWN = 200

export default function ConnectorPage() {
  const name = usePart('connector')
  useTitle(name)
  const [view, change] = useView()
  const can = useCan()
  const client = useQueryClient()
  const navigate = useNavigate()
  const [deleting, setDeleting] = useState(false)
  const found = useQuery({
    queryKey: ['connector', name],
    queryFn: ({ signal }) => call('GET /api/v1/connectors/{name}', { path: { name }, signal }),
  })
  if (found.error) {
    return (
      <div className="page">
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      </div>
    )
  }
  if (found.isPending) return <Loading what="Reading the connector" />
  const connector = found.data
  const all = connector.endpoints ?? []
  const text = (view.text ?? '').toLowerCase()
  const endpoints = all.filter((one) =>
    `${one.name} ${one.path} ${one.description}`.toLowerCase().includes(text),
  )
  const connections = connector.connections ?? []
  return (
    <div className="page">
      <div className="page-head">
        <h1 className="one-line">{name}</h1>
        <span className="badge">{connector.protocol}</span>
        <span className="quiet">{plural(all.length, 'endpoint')}</span>
        <span className="grow" />
        <a className="button" href={`/api/v1/connectors/${encodeURIComponent(name)}/document`} download>
          Download the document
        </a>
        {can('build') && (
          <Button icon="trash" kind="danger" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        )}
      </div>
      {connector.description && <p>{connector.description}</p>}
      <p className="quiet">
        {connections.length === 0 ? 'No connection is of it yet.' : 'Connections: '}
        {connections.map((one, at) => (
          <span key={one}>
            {at > 0 && ', '}
            <Link className="link" to={`/connections/${encodeURIComponent(one)}` as string}>
              {one}
            </Link>
          </span>
        ))}
      </p>
      <p className={css.seek}>
        <Input
          type="search"
          aria-label="Find an endpoint"
          placeholder="Find an endpoint"
          value={view.text ?? ''}
          onChange={(event) => change({ text: event.target.value })}
        />
      </p>
      <div className={css.endpoints}>
        {endpoints.slice(0, SHOWN).map((one) => (
          <Endpoint
            key={one.name}
            endpoint={one}
            connection={can('build') ? connections[0] : undefined}
            open={endpoints.length === 1}
          />
        ))}
        {endpoints.length === 0 && <p className="quiet">No endpoint fits.</p>}
        {endpoints.length > SHOWN && (
          <p className="quiet">{endpoints.length - SHOWN} more: find them by name.</p>
        )}
      </div>
      {deleting && (
        <Confirm
          title={`Delete the connector ${name}?`}
          about="Runs that used it keep the version that they used."
          action="Delete"
          danger
          onClose={() => setDeleting(false)}
          act={async () => {
            await call('DELETE /api/v1/connectors/{name}', { path: { name } })
            toast.done(`Deleted ${name}`)
            await navigate({ to: '/connections' as string, search: { tab: 'connectors' } as never })
            client.removeQueries({ queryKey: ['connector', name] })
            await client.invalidateQueries({ queryKey: ['connectors'] })
          }}
        >
          {connections.length > 0 && <p>These connections are of it: {connections.join(', ')}.</p>}
        </Confirm>
      )}
    </div>
  )
}

function Endpoint(props: { endpoint: EndpointView; connection?: string; open: boolean }) {
  const { endpoint } = props
  const [open, setOpen] = useState(props.open)
  const parameters = endpoint.parameters ?? []
  return (
    <details
      className={`card ${css.endpoint}`}
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <strong>{endpoint.name}</strong>
        <span className="badge">{endpoint.direction}</span>
        <code className="quiet one-line">
          {endpoint.method} {endpoint.path}
        </code>
      </summary>
      {open && (
        <div>
          {endpoint.description && <p>{endpoint.description}</p>}
          {props.connection && (
            <p>
              <Link
                to={`/connections/${encodeURIComponent(props.connection)}` as string}
                search={{ try: 'yes', endpoint: endpoint.name } as never}
              >
                Try it with {props.connection}
              </Link>
            </p>
          )}
          {parameters.length > 0 && (
            <table className={css.plain}>
              <caption className="unseen">Parameters of {endpoint.name}</caption>
              <thead>
                <tr>
                  <th scope="col">Parameter</th>
                  <th scope="col">Type</th>
                  <th scope="col">Default</th>
                  <th scope="col">What it is</th>
                </tr>
              </thead>
              <tbody>
                {parameters.map((one) => (
                  <tr key={one.name}>
                    <td>
                      <code>{one.name}</code> {one.required && <span className="badge">required</span>}
                    </td>
                    <td>{one.type}</td>
                    <td>{one.default == null ? '' : <code>{JSON.stringify(one.default)}</code>}</td>
                    <td>{one.description}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <Body title="It takes" body={endpoint.payload} />
          <Body title="The system answers" body={endpoint.answer} />
        </div>
      )}
    </details>
  )
}

function Body({ title, body }: { title: string; body?: BodyView | null }) {
  if (!body) return null
  const fields = body.fields ?? []
  return (
    <>
      <h3>{title}</h3>
      {fields.length > 0 && (
        <p className="small">
          {fields.slice(0, 40).map((one) => (
            <span key={one.path}>
              <code>{one.path}</code> <span className="quiet">{one.type}</span>{' '}
            </span>
          ))}
          {fields.length > 40 && <span className="quiet">and {fields.length - 40} more</span>}
        </p>
      )}
      {body.sample !== undefined && body.sample !== null && (
        <Pre className={css.code} label={`Sample: ${title.toLowerCase()}`}>
          {JSON.stringify(body.sample, null, 2)}
        </Pre>
      )}
    </>
  )
}
