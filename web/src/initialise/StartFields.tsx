/** The parts of a start that a flow version asks for: its variables, and steps that may be skipped. */

import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import type { StartOptions } from '~/api/types'
import { Checkbox, Field, Input, Select } from '~/components/Field'
import css from './initialise.module.css'
import { hintOf, shownValue } from './variables'

export function useStartForm(flow: string, version: string | null) {
  return useQuery({
    queryKey: ['start-form', flow, version],
    enabled: flow !== '',
    queryFn: ({ signal }) =>
      call('GET /api/v1/flows/{name}/start-form', { path: { name: flow }, query: { version }, signal }),
  })
}

interface VariablesProps {
  form: StartOptions
  /** As typed; those that are not touched are missing. */
  values: Readonly<Record<string, string>>
  /** What holds where nothing is typed: the source run's. */
  now?: Readonly<Record<string, unknown>>
  onChange(values: Readonly<Record<string, string>>): void
}

export function VariableFields({ form, values, now, onChange }: VariablesProps) {
  if (form.variables.length === 0) return null
  const set = (name: string, value: string): void => {
    const next: Record<string, string> = { ...values, [name]: value }
    // A text may be meant to be empty; of any other type nothing typed is not given.
    const type = form.variables.find((one) => one.name === name)?.type
    if (value === '' && type !== 'string') delete next[name]
    onChange(next)
  }
  return (
    <fieldset className={css.group}>
      <legend>Variables</legend>
      {form.variables.map((one) => {
        const held = shownValue(now?.[one.name] ?? one.default)
        const value = values[one.name]
        return (
          <Field
            key={one.name}
            label={
              <>
                <code>{one.name}</code> {one.required && <span className="quiet small">required</span>}
              </>
            }
            help={[one.description, hintOf(one.type)].filter(Boolean).join(' · ') || undefined}
          >
            {one.type === 'boolean' ? (
              <Select
                value={value ?? ''}
                onChange={(next) => set(one.name, next)}
                options={[{ value: '', label: held ? `as it is (${held})` : 'as it is' }, 'true', 'false']}
              />
            ) : (
              <Input
                value={value ?? ''}
                placeholder={held}
                required={one.required ?? false}
                spellCheck={false}
                type={one.type === 'date' ? 'date' : 'text'}
                inputMode={one.type === 'integer' || one.type === 'number' ? 'decimal' : undefined}
                onChange={(event) => set(one.name, event.target.value)}
              />
            )}
          </Field>
        )
      })}
    </fieldset>
  )
}

export function Skips({
  form,
  chosen,
  onChange,
}: {
  form: StartOptions
  chosen: readonly string[]
  onChange(chosen: string[]): void
}) {
  return (
    <fieldset className={css.group}>
      <legend>Skip, in this run only</legend>
      {form.steps.map((step) => (
        <div key={step.step} style={{ paddingLeft: (step.depth ?? 0) * 16 }}>
          <Checkbox
            label={`${step.step}${step.name ? ` (${step.name})` : ''}${step.skip ? ' · skipped by the flow' : ''}`}
            checked={chosen.includes(step.step) || (step.skip ?? false)}
            disabled={step.skip ?? false}
            onChange={(on) =>
              onChange(on ? [...chosen, step.step] : chosen.filter((one) => one !== step.step))
            }
          />
        </div>
      ))}
    </fieldset>
  )
}
