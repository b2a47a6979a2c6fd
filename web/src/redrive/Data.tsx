/** What the new run begins with: what is stored, edited, chosen items of it, or other data. */

import { useState } from 'react'
import type { PayloadView, RunView } from '~/api/types'
import { Button } from '~/components/Button'
import { Field, Input, Select } from '~/components/Field'
import { bytes, plural } from '~/components/format'
import { GiveData } from '~/initialise/GiveData'
import { type Choices, hasFailed } from './choices'
import { ItemEditor } from './ItemEditor'
import { oneItem } from './items'
import { PayloadEditor } from './PayloadEditor'
import css from './redrive.module.css'

interface Props {
  run: RunView
  many: boolean
  choices: Choices
  onChange(patch: Partial<Choices>): void
}

function bucketOf(run: RunView, choices: Choices) {
  const step = run.steps.find((one) => one.step === choices.step)
  const bucket = (choices.start === 'after' ? step?.payloads_out : step?.payloads_in) ?? []
  const failed = step?.failed_payloads ?? []
  return {
    step,
    bucket,
    failed,
    known: [...bucket, ...failed.filter((one) => !bucket.some((other) => other.id === one.id))],
  }
}

export function Data({ run, many, choices, onChange }: Props) {
  const { step, bucket, failed, known } = bucketOf(run, choices)
  return (
    <fieldset className={css.group}>
      <legend>With</legend>
      {!many && (
        <div className={css.choices}>
          <label className={css.way}>
            <input
              type="radio"
              name="redrive-with"
              checked={choices.with === 'stored'}
              onChange={() => onChange({ with: 'stored', payloads: [] })}
            />
            <span>
              What is stored <span className="quiet small">{plural(bucket.length, 'payload')}</span>
            </span>
          </label>
          <label className={css.way}>
            <input
              type="radio"
              name="redrive-with"
              checked={choices.with === 'other'}
              onChange={() => onChange({ with: 'other', payloads: [], edits: {}, itemEdits: {}, items: '' })}
            />
            <span>Other data</span>
          </label>
        </div>
      )}
      {choices.with === 'other' && (
        <GiveData
          flow={run.flow}
          run={run.id}
          like={bucket[0]?.id ?? null}
          given={choices.payloads}
          onGiven={(payloads) => onChange({ payloads })}
        />
      )}
      {choices.with === 'stored' && (
        <>
          {!many && known.length > 0 && (
            <Field label="Payload">
              <Select
                value={choices.payloads[0] ?? ''}
                onChange={(id) => onChange({ payloads: id ? [id] : [], edits: {}, itemEdits: {} })}
                options={[
                  {
                    value: '',
                    label: `All of them (${bucket.length}${step?.payloads_in_next ? ' or more' : ''})`,
                  },
                  ...known.map((one, index) => ({ value: one.id, label: labelOf(one, index, failed) })),
                ]}
              />
            </Field>
          )}
          <Field label="Items" help="All of them, or: id in 1042,1043 · failed · #0,3:5">
            <Input
              value={choices.items}
              placeholder="all"
              spellCheck={false}
              onChange={(event) => onChange({ items: event.target.value, itemEdits: {} })}
            />
          </Field>
          {(many || hasFailed(run)) && choices.items !== 'failed' && choices.payloads.length === 0 && (
            <Button kind="bare" onClick={() => onChange({ items: 'failed' })}>
              Only the failed items
            </Button>
          )}
        </>
      )}
    </fieldset>
  )
}

function labelOf(one: PayloadView, index: number, failed: readonly PayloadView[]): string {
  const bad = failed.some((other) => other.id === one.id) ? ' · failed' : ''
  const items = one.items === null ? '' : `${plural(one.items, 'item')}, `
  return `${index + 1}: ${items}${bytes(one.size_bytes)}${bad}${one.expired ? ' · expired' : ''}`
}

const MOST_EDITED = 256 * 1024

/** The editor of what is chosen, over the whole width of the dialog. */
export function Edits({ run, many, choices, onChange }: Props) {
  const [open, setOpen] = useState(false)
  const { known } = bucketOf(run, choices)
  if (many || choices.with !== 'stored') return null
  const id = choices.payloads[0] ?? (known.length === 1 ? known[0]?.id : undefined)
  const payload = known.find((one) => one.id === id)
  const item = oneItem(choices.items)
  if (id === undefined || payload?.expired) {
    return known.length > 1 ? <p className="quiet small">Choose a payload to edit it.</p> : null
  }
  if (item !== null) {
    return (
      <ItemEditor
        key={`${id}-${item}`}
        payload={id}
        item={item}
        onEdit={(text) => onChange({ itemEdits: text === null ? {} : { [id]: { [String(item)]: text } } })}
      />
    )
  }
  if (choices.items !== '') return null
  if (!open) {
    const small = (payload?.size_bytes ?? 0) <= MOST_EDITED
    return small ? (
      <Button icon="edit" onClick={() => setOpen(true)}>
        Edit the payload
      </Button>
    ) : (
      <p className="quiet small">
        It is too large to be edited whole. Choose one item (#0), or give an edited file as other data.
      </p>
    )
  }
  return (
    <PayloadEditor
      key={id}
      payload={id}
      onEdit={(upload) => onChange({ edits: upload === null ? {} : { [id]: upload } })}
    />
  )
}
