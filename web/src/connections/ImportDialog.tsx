/** Makes a connector of an OpenAPI description or a Postman collection: first the report, then the import. */

import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '~/api/client'
import type { DescriptionImported } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Field, Input } from '~/components/Field'
import { plural } from '~/components/format'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import css from './connections.module.css'
import { changeCounts, importWords } from './model'

interface Given {
  filename: string
  text: string
}

export function ImportDialog({ onClose }: { onClose(): void }) {
  const client = useQueryClient()
  const [file, setFile] = useState<Given | null>(null)
  const [name, setName] = useState('')
  const [only, setOnly] = useState('')
  const [report, setReport] = useState<DescriptionImported | null>(null)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const ask = async (store: boolean): Promise<void> => {
    if (file === null) return
    setBusy(true)
    setFault(null)
    try {
      const done = await call('POST /api/v1/connectors/imports', {
        body: {
          ...file,
          name: name.trim() || null,
          only: only
            .split(',')
            .map((one) => one.trim())
            .filter(Boolean),
          store,
        },
      })
      setReport(done)
      if (store) {
        toast.done(importWords(done))
        await client.invalidateQueries({ queryKey: ['connectors'] })
      }
    } catch (thrown) {
      setFault(thrown)
    }
    setBusy(false)
  }
  const stored = report?.result !== null && report?.result !== undefined
  return (
    <Dialog
      open
      onClose={onClose}
      size="wide"
      title="Import a description"
      about="OpenAPI 3 (JSON or YAML), or a Postman collection. Endpoints that were edited by hand stay as they are."
      actions={
        stored ? (
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            {report ? (
              <Button kind="primary" icon="upload" busy={busy} onClick={() => void ask(true)}>
                Import {report.imported}
              </Button>
            ) : (
              <Button kind="primary" busy={busy} disabled={file === null} onClick={() => void ask(false)}>
                Look at it
              </Button>
            )}
          </>
        )
      }
    >
      {report === null && (
        <>
          <Field label="File">
            <Input
              type="file"
              accept=".json,.yaml,.yml"
              onChange={(event) => {
                const chosen = event.target.files?.[0]
                if (chosen) void chosen.text().then((text) => setFile({ filename: chosen.name, text }))
              }}
            />
          </Field>
          <Field label="Name of the connector" help="Empty: by the title of the description.">
            <Input value={name} onChange={(event) => setName(event.target.value)} />
          </Field>
          <Field
            label="Only"
            help="Tags, paths (/orders and all below it), operation ids or names, with commas between. Empty: all."
          >
            <Input value={only} onChange={(event) => setOnly(event.target.value)} />
          </Field>
        </>
      )}
      {report && <Report report={report} />}
      {fault !== null && <ProblemNote error={fault} />}
    </Dialog>
  )
}

function Report({ report }: { report: DescriptionImported }) {
  const refused = report.refused ?? []
  const notes = report.notes ?? []
  const wanted = report.settings ?? []
  return (
    <div className={css.report}>
      <p>
        <strong>{importWords(report)}</strong>{' '}
        {report.result && (
          <Link to={`/connectors/${encodeURIComponent(report.connector)}` as string}>Open it</Link>
        )}
      </p>
      <p className="quiet">
        {report.title} ({report.kind}).{' '}
        {changeCounts(report)
          .map(([kind, many]) => `${many} ${kind}`)
          .join(', ')}
      </p>
      {wanted.length > 0 && (
        <>
          <h3>A connection of it says</h3>
          <ul className={css.bullets}>
            {wanted.map((one) => (
              <li key={one.name}>
                <code>{one.name}</code> {one.secret && <span className="badge">secret</span>}{' '}
                {one.description}
              </li>
            ))}
          </ul>
        </>
      )}
      {refused.length > 0 && (
        <>
          <h3>{plural(refused.length, 'operation')} cannot be imported</h3>
          <ul className={css.bullets}>
            {refused.map((one) => (
              <li key={one.operation}>
                <code>{one.operation}</code>: {one.why} <span className="quiet">{one.way_out}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {notes.length > 0 && (
        <>
          <h3>Notes</h3>
          <ul className={css.bullets}>
            {notes.map((one, at) => (
              <li key={at}>
                {one.operation && <code>{one.operation}</code>} {one.text}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}
