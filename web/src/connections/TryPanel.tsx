/** Calls one endpoint once, and shows the exchange as it was. */

import { useState } from 'react'
import { call } from '~/api/client'
import type { ConnectorDetail, EndpointView, Json, TriedExchange, TryView } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Checkbox, Field, Input, Select, TextArea } from '~/components/Field'
import { duration, plural } from '~/components/format'
import { Pre } from '~/components/Pre'
import { ProblemNote } from '~/components/ProblemNote'
import { Tabs } from '~/components/Tabs'
import css from './connections.module.css'
import { parameterValue } from './model'

interface Props {
  connection: string
  connector: ConnectorDetail
  /** The endpoint to begin with. */
  first?: string
  onClose(): void
}

export function TryPanel({ connection, connector, first, onClose }: Props) {
  const endpoints = connector.endpoints ?? []
  const [name, setName] = useState(first ?? endpoints[0]?.name ?? '')
  const endpoint = endpoints.find((one) => one.name === name)
  return (
    <Dialog
      open
      onClose={onClose}
      as="panel"
      size="wide"
      title={`Try ${connection}`}
      about="Nothing of it is kept: no run, no delivery, no payload."
    >
      <Field label="Endpoint">
        <Select
          value={name}
          onChange={setName}
          options={endpoints.map((one) => ({ value: one.name, label: `${one.name} (${one.direction})` }))}
        />
      </Field>
      {endpoint && <Form key={endpoint.name} connection={connection} endpoint={endpoint} />}
    </Dialog>
  )
}

function Form({ connection, endpoint }: { connection: string; endpoint: EndpointView }) {
  const sends = endpoint.direction === 'send'
  const [values, setValues] = useState<Record<string, string>>({})
  const [text, setText] = useState(() => sampleText(endpoint))
  const [sure, setSure] = useState(false)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const [done, setDone] = useState<TryView | null>(null)
  const parameters = endpoint.parameters ?? []
  const go = async (): Promise<void> => {
    setBusy(true)
    setFault(null)
    setDone(null)
    const given: Record<string, Json> = {}
    for (const parameter of parameters) {
      const value = parameterValue(parameter, values[parameter.name] ?? '')
      if (value !== undefined) given[parameter.name] = value
    }
    try {
      setDone(
        await call('POST /api/v1/connections/{name}/tries', {
          path: { name: connection },
          body: {
            endpoint: endpoint.name,
            with: given,
            text: sends ? text : null,
            confirm: sends ? sure : false,
          },
        }),
      )
    } catch (thrown) {
      setFault(thrown)
    }
    setBusy(false)
  }
  return (
    <div className={css.report}>
      <p className="quiet small">
        <code>
          {endpoint.method} {endpoint.path}
        </code>{' '}
        {endpoint.description}
      </p>
      {parameters.map((parameter) => (
        <Field
          key={parameter.name}
          label={`${parameter.name}${parameter.required ? ' (required)' : ''}`}
          help={[parameter.type, parameter.description].filter(Boolean).join(': ') || undefined}
        >
          <Input
            value={values[parameter.name] ?? ''}
            placeholder={parameter.default == null ? '' : String(parameter.default)}
            onChange={(event) => setValues({ ...values, [parameter.name]: event.target.value })}
          />
        </Field>
      ))}
      {sends && (
        <>
          <Field label="What is sent">
            <TextArea
              rows={8}
              className="mono"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </Field>
          <Checkbox
            label="It is really sent, and a later run may send the same again"
            checked={sure}
            onChange={setSure}
          />
        </>
      )}
      <p>
        <Button kind="primary" icon="play" busy={busy} disabled={sends && !sure} onClick={() => void go()}>
          {sends ? 'Send it' : 'Try it'}
        </Button>
      </p>
      {fault !== null && <ProblemNote error={fault} />}
      {done && <Result done={done} />}
    </div>
  )
}

function Result({ done }: { done: TryView }) {
  const [tab, setTab] = useState('answer')
  const exchanges = done.exchanges ?? []
  return (
    <section aria-label="Result" aria-live="polite" className={css.report}>
      <p>
        <span className={`badge ${done.success ? 'good' : 'bad'}`}>
          {done.success ? 'It works' : 'It failed'}
        </span>{' '}
        {done.payload &&
          `${plural(done.payload.items ?? 0, 'item')}, ${plural(done.payload.size_bytes, 'byte')} of ${done.payload.media_type}`}
      </p>
      {done.error && (
        <div className="problem" role="alert">
          <div>
            <strong>{done.error.title}</strong>
            <p>{done.error.detail}</p>
            {done.error.hint && <p className="hint">{done.error.hint}</p>}
          </div>
        </div>
      )}
      <Tabs
        label="What came of it"
        value={tab}
        onChange={setTab}
        tabs={[
          {
            id: 'answer',
            label: 'Items',
            body: () =>
              done.payload?.preview?.length ? (
                <>
                  <Pre className={css.code} label="Items">
                    {done.payload.preview.join('\n')}
                  </Pre>
                  {(done.payload.more ?? 0) > 0 && (
                    <p className="quiet small">and {plural(done.payload.more ?? 0, 'more item')}</p>
                  )}
                </>
              ) : (
                <p className="quiet">It put nothing out.</p>
              ),
          },
          {
            id: 'exchanges',
            label: 'Exchanges',
            count: exchanges.length + (done.exchanges_left_out ?? 0),
            body: () => exchanges.map((one, at) => <Exchange key={at} exchange={one} />),
          },
        ]}
      />
    </section>
  )
}

function Exchange({ exchange }: { exchange: TriedExchange }) {
  return (
    <article className={css.exchange}>
      <h3>
        <code>
          {exchange.method} {exchange.url}
        </code>
      </h3>
      <p>
        {exchange.status != null && (
          <span className={`badge ${exchange.status < 400 ? 'good' : 'bad'}`}>{exchange.status}</span>
        )}{' '}
        {exchange.error} {exchange.duration_ms != null && duration(exchange.duration_ms / 1000)}
      </p>
      <Part
        title="Request"
        headers={exchange.headers}
        body={exchange.body?.text}
        trimmed={exchange.body?.trimmed}
      />
      <Part
        title="Answer"
        headers={exchange.answer_headers}
        body={exchange.answer?.text}
        trimmed={exchange.answer?.trimmed}
      />
    </article>
  )
}

function Part(props: {
  title: string
  headers?: [string, string][]
  body?: string | null
  trimmed?: boolean
}) {
  const head = (props.headers ?? []).map(([name, value]) => `${name}: ${value}`).join('\n')
  if (head === '' && !props.body) return null
  return (
    <Pre className={css.code} label={props.title}>
      {head}
      {props.body ? `\n\n${props.body}` : ''}
      {props.trimmed ? '\n[trimmed]' : ''}
    </Pre>
  )
}

function sampleText(endpoint: EndpointView): string {
  const sample = endpoint.payload?.sample
  return sample === undefined || sample === null ? '' : JSON.stringify(sample, null, 2)
}
