/** The values that a start gives to the flow's variables. */

import { useState } from 'react'
import { call, startKey } from '~/api/client'
import type { Json, RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Field, Input, Select } from '~/components/Field'
import { valueFrom, valueText } from './formModel'
import { isRecord, type Plain } from './reading'

export async function startRun(
  flow: string,
  version: string,
  variables: Record<string, Json>,
): Promise<RunRow> {
  return call('POST /api/v1/flows/{name}/runs', {
    path: { name: flow },
    query: { trigger: 'manual' },
    headers: { 'Idempotency-Key': startKey() },
    body: { version, variables },
  })
}

interface Props {
  variables: Plain | undefined
  busy: boolean
  onClose(): void
  onStart(variables: Record<string, Json>): void
}

export function StartDialog({ variables, busy, onClose, onStart }: Props) {
  const declared = Object.entries(isRecord(variables) ? variables : {}).map(
    ([name, one]) => [name, isRecord(one) ? one : {}] as const,
  )
  const [texts, setTexts] = useState<Record<string, string>>({})
  const missing = declared.some(([name, one]) => one.required === true && !texts[name])
  const go = (): void => {
    const given: Record<string, Json> = {}
    for (const [name, one] of declared) {
      const text = texts[name]
      if (text === undefined || text === '') continue
      const plainText = one.type === undefined || one.type === 'string' || one.type === 'date'
      given[name] = (plainText ? text : (valueFrom(text)?.value ?? text)) as Json
    }
    onStart(given)
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="Run"
      about="What is left empty has its default."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" icon="play" busy={busy} disabled={missing} onClick={go}>
            Run
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!missing) go()
        }}
      >
        {declared.map(([name, one], index) => (
          <Field
            key={name}
            label={one.required === true ? `${name} (required)` : name}
            help={typeof one.description === 'string' ? one.description : undefined}
          >
            {one.type === 'boolean' ? (
              <Select
                value={texts[name] ?? ''}
                options={['', 'true', 'false']}
                onChange={(next) => setTexts({ ...texts, [name]: next })}
              />
            ) : (
              <Input
                autoFocus={index === 0}
                value={texts[name] ?? ''}
                placeholder={valueText(one.default)}
                onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
              />
            )}
          </Field>
        ))}
      </form>
    </Dialog>
  )
}
