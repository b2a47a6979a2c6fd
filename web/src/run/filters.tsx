/** The filters on the column heads of the run log. Each writes the address, nothing else. */

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { Button } from '~/components/Button'
import { Checkbox, Field, Input, Select } from '~/components/Field'
import { STATUS } from '~/components/StatusIcon'
import type { View } from '~/routes/view'

interface Props {
  view: View
  change(patch: Record<string, string | null | undefined>): void
  close(): void
}

const STATUSES = ['failure', 'partial_success', 'stopped', 'running', 'queued', 'success'] as const
const TRIGGERS = ['manual', 'api', 'schedule', 'webhook', 'callback', 'event', 'flow', 'retry', 'redrive']
const SPANS: [string, string][] = [
  ['', 'Any time'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
]

export function StatusFilter({ view, change }: Props) {
  const chosen = new Set((view.status ?? '').split(',').filter(Boolean))
  const set = (status: string, on: boolean): void => {
    if (on) chosen.add(status)
    else chosen.delete(status)
    change({ status: STATUSES.filter((one) => chosen.has(one)).join(',') })
  }
  return (
    <div className="choices">
      {STATUSES.map((status) => (
        <Checkbox
          key={status}
          label={STATUS[status].words}
          checked={chosen.has(status)}
          onChange={(on) => set(status, on)}
        />
      ))}
      <hr />
      <Checkbox
        label="Hide what was made good"
        checked={view.healed === 'no'}
        onChange={(on) => change({ healed: on ? 'no' : null })}
      />
      <Checkbox
        label="Only with warnings"
        checked={view.warnings === 'yes'}
        onChange={(on) => change({ warnings: on ? 'yes' : null })}
      />
    </div>
  )
}

export function FlowFilter({ view, change, close }: Props) {
  const flows = useQuery({
    queryKey: ['flows', 'names'],
    queryFn: ({ signal }) => call('GET /api/v1/flows', { query: { limit: 500 }, signal }),
  })
  const names = flows.data?.items.map((flow) => flow.name) ?? []
  const all = view.flow && !names.includes(view.flow) ? [view.flow, ...names] : names
  const known = new Set(flows.data?.items.flatMap((flow) => flow.labels ?? []))
  if (view.label) known.add(view.label)
  const labels = [...known].sort()
  return (
    <div className="choices">
      <Field label="Flow">
        <Select
          value={view.flow ?? ''}
          options={[{ value: '', label: 'All flows' }, ...all.map((name) => ({ value: name, label: name }))]}
          onChange={(flow) => {
            change({ flow })
            close()
          }}
        />
      </Field>
      <Field label="Label">
        <Select
          value={view.label ?? ''}
          options={[{ value: '', label: 'Any label' }, ...labels]}
          onChange={(label) => {
            change({ label })
            close()
          }}
        />
      </Field>
      <TextForm label="Version" name="version" view={view} change={change} close={close} pattern="\d*" />
    </div>
  )
}

export function TriggerFilter({ view, change, close }: Props) {
  return (
    <Field label="Trigger">
      <Select
        value={view.trigger ?? ''}
        options={[{ value: '', label: 'All triggers' }, ...TRIGGERS]}
        onChange={(trigger) => {
          change({ trigger })
          close()
        }}
      />
    </Field>
  )
}

export function TextFilter({ view, change, close }: Props) {
  return (
    <div className="choices">
      <TextForm
        label="Text in the message, the flow or the id"
        name="text"
        view={view}
        change={change}
        close={close}
      />
      <TextForm
        label="Tracked value, such as an order's id"
        name="value"
        view={view}
        change={change}
        close={close}
      />
    </div>
  )
}

function TextForm({
  label,
  name,
  view,
  change,
  close,
  pattern,
}: Props & { label: string; name: string; pattern?: string }) {
  const [text, setText] = useState(view[name] ?? '')
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        change({ [name]: text.trim() })
        close()
      }}
    >
      <Field label={label}>
        <Input
          value={text}
          pattern={pattern}
          maxLength={500}
          onChange={(event) => setText(event.target.value)}
        />
      </Field>
      <div className="choices-foot">
        <Button type="submit" kind="primary">
          Filter
        </Button>
      </div>
    </form>
  )
}

export function TimeFilter({ view, change, close }: Props) {
  return (
    <div className="choices">
      <Field label="Queued">
        <Select
          value={
            SPANS.some(([span]) => span === (view.since ?? '')) && !view.until ? (view.since ?? '') : 'own'
          }
          options={[
            ...SPANS.map(([value, label]) => ({ value, label })),
            { value: 'own', label: 'From – to', disabled: true },
          ]}
          onChange={(since) => {
            change({ since, until: null })
            close()
          }}
        />
      </Field>
      <Field label="From">
        <Input
          type="datetime-local"
          value={local(view.since)}
          onChange={(event) => change({ since: instant(event.target.value) })}
        />
      </Field>
      <Field label="To">
        <Input
          type="datetime-local"
          value={local(view.until)}
          onChange={(event) => change({ until: instant(event.target.value) })}
        />
      </Field>
    </div>
  )
}

function instant(text: string): string | null {
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : new Date(at).toISOString()
}

/** As the browser's own field of date and time writes it, in the user's time zone. */
function local(text: string | undefined): string {
  const at = Date.parse(text ?? '')
  if (Number.isNaN(at)) return ''
  const zone = new Date(at).getTimezoneOffset() * 60_000
  return new Date(at - zone).toISOString().slice(0, 16)
}
