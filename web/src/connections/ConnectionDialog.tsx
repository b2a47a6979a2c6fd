/** The form of a connection: settings, and secrets that are written and never shown. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { address, call, send } from '~/api/client'
import type { ConnectionView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Field, Input, Select } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import css from './connections.module.css'
import {
  type ConnectionForm,
  connectionDocument,
  formOf,
  othersOf,
  type SecretInput,
  sourceWords,
} from './model'

interface Props {
  /** Null: a new one. */
  connection: ConnectionView | null
  onClose(): void
}

export function ConnectionDialog({ connection, onClose }: Props) {
  const connectors = useQuery({
    queryKey: ['connectors'],
    queryFn: ({ signal }) => call('GET /api/v1/connectors', { signal }),
    enabled: connection === null,
  })
  const [chosen, setChosen] = useState('')
  const connector = connection?.connector ?? (chosen || connectors.data?.items[0]?.name || '')
  const detail = useQuery({
    queryKey: ['connector', connector],
    queryFn: ({ signal }) => call('GET /api/v1/connectors/{name}', { path: { name: connector }, signal }),
    enabled: connector !== '',
    retry: false,
  })
  if (connector === '' || detail.isPending) {
    return (
      <Dialog open onClose={onClose} title="New connection">
        {connectors.error ? (
          <ProblemNote error={connectors.error} />
        ) : connectors.data?.items.length === 0 ? (
          <p>There is no connector yet. Import a description of the system first.</p>
        ) : (
          <Loading />
        )}
      </Dialog>
    )
  }
  return (
    <Form
      key={connector}
      connection={connection}
      connector={connector}
      read={detail.data?.settings ?? []}
      choices={connectors.data?.items.map((one) => one.name) ?? null}
      onConnector={setChosen}
      onClose={onClose}
    />
  )
}

function Form({
  connection,
  connector,
  read,
  choices,
  onConnector,
  onClose,
}: Props & { connector: string; read: string[]; choices: string[] | null; onConnector(name: string): void }) {
  const client = useQueryClient()
  const [form, setForm] = useState<ConnectionForm>(() => formOf(connection, connector, read))
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const save = async (): Promise<void> => {
    setBusy(true)
    setFault(null)
    try {
      const document = connection ? await documentOf(connection.name) : ''
      await call('POST /api/v1/imports', {
        body: {
          documents: [{ filename: `${form.name}.yaml`, text: connectionDocument(form) + othersOf(document) }],
        },
      })
      toast.done(`Saved ${form.name}`)
      await client.invalidateQueries({ queryKey: ['connections'] })
      onClose()
    } catch (thrown) {
      setFault(thrown)
      setBusy(false)
    }
  }
  const setting = (at: number, name: string, text: string): void =>
    setForm({ ...form, settings: form.settings.map((one, index) => (index === at ? [name, text] : one)) })
  const secret = (at: number, name: string, input: SecretInput): void =>
    setForm({ ...form, secrets: form.secrets.map((one, index) => (index === at ? [name, input] : one)) })
  return (
    <Dialog
      open
      onClose={onClose}
      size="wide"
      title={connection ? `Connection ${connection.name}` : 'New connection'}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={busy} disabled={form.name.trim() === ''} onClick={() => void save()}>
            Save
          </Button>
        </>
      }
    >
      {connection === null && (
        <div className={css.pair}>
          <Field label="Name">
            <Input value={form.name} onChange={(event) => setForm({ ...form, name: event.target.value })} />
          </Field>
          <Field label="Connector">
            <Select value={connector} options={choices ?? []} onChange={onConnector} />
          </Field>
        </div>
      )}
      <fieldset className={css.group}>
        <legend>Settings</legend>
        {form.settings.map(([name, text], at) => (
          <div key={at} className={css.line}>
            <Input
              aria-label={`Name of setting ${at + 1}`}
              value={name}
              onChange={(event) => setting(at, event.target.value, text)}
            />
            <Input
              aria-label={`Value of ${name || `setting ${at + 1}`}`}
              value={text}
              onChange={(event) => setting(at, name, event.target.value)}
            />
            <IconButton
              label={`Remove ${name || `setting ${at + 1}`}`}
              icon="trash"
              onClick={() => setForm({ ...form, settings: form.settings.filter((_, index) => index !== at) })}
            />
          </div>
        ))}
        <Button
          kind="bare"
          icon="plus"
          onClick={() => setForm({ ...form, settings: [...form.settings, ['', '']] })}
        >
          Add a setting
        </Button>
      </fieldset>
      <fieldset className={css.group}>
        <legend>Secrets</legend>
        <p className="quiet small">A secret is written and never shown again. What is kept stays as it is.</p>
        {form.secrets.map(([name, input], at) => (
          <div key={at} className={css.secret}>
            <Input
              aria-label={`Name of secret ${at + 1}`}
              value={name}
              readOnly={input.kind === 'keep'}
              onChange={(event) => secret(at, event.target.value, input)}
            />
            <Select
              aria-label={`Source of ${name || `secret ${at + 1}`}`}
              value={input.kind}
              onChange={(kind) => secret(at, name, { kind: kind as SecretInput['kind'], text: '' })}
              options={[
                ...(connection?.secrets[name]
                  ? [{ value: 'keep', label: `Keep (${sourceWords(connection.secrets[name] ?? '')})` }]
                  : []),
                { value: 'value', label: 'The secret itself' },
                { value: 'env', label: 'Environment variable' },
                { value: 'file', label: 'File' },
              ]}
            />
            <Input
              aria-label={`Value of ${name || `secret ${at + 1}`}`}
              type={input.kind === 'value' ? 'password' : 'text'}
              autoComplete="new-password"
              disabled={input.kind === 'keep'}
              placeholder={input.kind === 'env' ? 'NAME' : input.kind === 'file' ? '/path/of/it' : ''}
              value={input.text}
              onChange={(event) => secret(at, name, { ...input, text: event.target.value })}
            />
          </div>
        ))}
        <Button
          kind="bare"
          icon="plus"
          onClick={() => setForm({ ...form, secrets: [...form.secrets, ['', { kind: 'value', text: '' }]] })}
        >
          Add a secret
        </Button>
      </fieldset>
      {fault !== null && <ProblemNote error={fault} />}
    </Dialog>
  )
}

/** The document as it stands now, for what the form does not show. */
async function documentOf(name: string): Promise<string> {
  const answer = await send(address('/api/v1/connections/{name}/document', { name }))
  return await answer.text()
}
