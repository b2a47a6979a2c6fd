/** Version, delivery policy, skips, variables and clock: seldom changed, so folded away. */

import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import type { RunView } from '~/api/types'
import { Field, Select, TextArea } from '~/components/Field'
import { Skips, useStartForm, VariableFields } from '~/initialise/StartFields'
import { type Choices, type Delivery, isRetry } from './choices'
import css from './redrive.module.css'

interface Props {
  run: RunView
  many: boolean
  choices: Choices
  onChange(patch: Partial<Choices>): void
}

export const DELIVERIES: { value: Delivery; label: string }[] = [
  { value: '', label: 'Leave out what was delivered (default)' },
  { value: 'skip_delivered', label: 'Leave out what was delivered (skip_delivered)' },
  { value: 'send_changed', label: 'Send what has changed since (send_changed)' },
  { value: 'send_all', label: 'Send everything again (send_all)' },
]

export function How({ run, many, choices, onChange }: Props) {
  return (
    <>
      <details className={css.more}>
        <summary>How it runs</summary>
        <Field
          label="Delivery"
          help={
            choices.delivery === 'send_all' ? 'Items that arrived before are sent a second time.' : undefined
          }
        >
          <Select
            value={choices.delivery}
            options={DELIVERIES}
            onChange={(delivery) => onChange({ delivery: delivery as Delivery })}
          />
        </Field>
        {!isRetry(choices) && (
          <>
            <Version run={run} value={choices.version} onChange={(version) => onChange({ version })} />
            <Field label="Clock" help="What `now` and relative dates count from.">
              <Select
                value={choices.clock}
                onChange={(clock) => onChange({ clock: clock as Choices['clock'] })}
                options={[
                  { value: 'original', label: 'That of the source run' },
                  { value: 'now', label: 'Now' },
                ]}
              />
            </Field>
            {!many && <Form run={run} choices={choices} onChange={onChange} />}
          </>
        )}
      </details>
      {(choices.delivery === 'send_all' ||
        Object.keys(choices.itemEdits).length > 0 ||
        Object.keys(choices.edits).length > 0) && (
        <Field label={choices.delivery === 'send_all' ? 'Reason' : 'Reason (kept with the edit)'}>
          <TextArea
            rows={2}
            value={choices.reason}
            onChange={(event) => onChange({ reason: event.target.value })}
          />
        </Field>
      )}
    </>
  )
}

function Version({ run, value, onChange }: { run: RunView; value: string; onChange(value: string): void }) {
  const found = useQuery({
    queryKey: ['versions', run.flow],
    queryFn: ({ signal }) =>
      call('GET /api/v1/flows/{name}/versions', { path: { name: run.flow }, query: { limit: 50 }, signal }),
  })
  const numbers = (found.data?.items ?? []).filter((one) => one.state !== 'draft')
  return (
    <Field label="Version">
      <Select
        value={value}
        onChange={onChange}
        options={[
          { value: 'original', label: `That of the run (${run.version})` },
          { value: 'deployed', label: 'The deployed one' },
          { value: 'draft', label: 'The draft' },
          ...numbers.map((one) => ({
            value: String(one.number),
            label: `Version ${one.number} · ${one.state}`,
          })),
        ]}
      />
    </Field>
  )
}

function Form({ run, choices, onChange }: Omit<Props, 'many'>) {
  const version = choices.version === 'original' ? String(run.version) : choices.version
  const form = useStartForm(run.flow, version)
  if (!form.data) return null
  return (
    <>
      <VariableFields
        form={form.data}
        values={choices.variables}
        now={run.variables}
        onChange={(variables) => onChange({ variables })}
      />
      <Skips form={form.data} chosen={choices.skips} onChange={(skips) => onChange({ skips })} />
    </>
  )
}
