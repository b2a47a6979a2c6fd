/** Where the new run begins. */

import type { RunView } from '~/api/types'
import { Select } from '~/components/Field'
import { type Choices, failedStep, hasFailed, type Start } from './choices'
import css from './redrive.module.css'

interface Props {
  run: RunView
  many: boolean
  choices: Choices
  onChange(patch: Partial<Choices>): void
}

export function Where({ run, many, choices, onChange }: Props) {
  const failed = many || hasFailed(run)
  const ways: { id: Start; label: string; about: string; off?: boolean }[] = [
    {
      id: 'failed',
      label: 'What failed',
      about: many
        ? 'each where it stopped'
        : failed
          ? `goes on at ${failedStep(run)}`
          : 'nothing failed in this run',
      off: !failed,
    },
    { id: 'at', label: 'At a step', about: 'with what had come into it' },
    { id: 'after', label: 'After a step', about: 'with what had come out of it' },
    { id: 'start', label: 'From the beginning', about: 'pulls pull again' },
  ]
  return (
    <fieldset className={css.group}>
      <legend>Start</legend>
      {ways.map((way) => (
        <label key={way.id} className={css.way}>
          <input
            type="radio"
            name="redrive-start"
            value={way.id}
            checked={choices.start === way.id}
            disabled={way.off}
            onChange={() =>
              onChange({ start: way.id, payloads: [], items: '', edits: {}, itemEdits: {}, with: 'stored' })
            }
          />
          <span>
            {way.label} <span className="quiet small">{way.about}</span>
          </span>
        </label>
      ))}
      {(choices.start === 'at' || choices.start === 'after') && (
        <Select
          aria-label="Step"
          value={choices.step}
          onChange={(step) => onChange({ step, payloads: [], items: '', edits: {}, itemEdits: {} })}
          options={run.steps.map((one) => ({
            value: one.step,
            label: `${one.step}${one.name ? ` (${one.name})` : ''} · ${one.status}`,
          }))}
        />
      )}
    </fieldset>
  )
}
