/** What one step holds: its error, its log lines, payloads, exchanges. Only the open tab is fetched. */

import { useState } from 'react'
import type { RunView, StepRunView } from '~/api/types'
import { Button } from '~/components/Button'
import { count } from '~/components/format'
import { Icon } from '~/components/Icon'
import { StatusIcon } from '~/components/StatusIcon'
import { RedriveSlot } from '~/components/slots'
import { type Tab, Tabs } from '~/components/Tabs'
import { Time } from '~/components/Values'
import { Exchanges } from './Exchanges'
import { Logs } from './Logs'
import type { Side } from './model'
import { PayloadList } from './PayloadList'
import { RunLink } from './RunPage'
import css from './run.module.css'

interface Props {
  run: RunView
  step: StepRunView
  tab: string
  payload?: string
  item?: string
  value?: string
  onTab(tab: string): void
  onPayload(payload: string): void
}

const SIDES: [Side, string, 'payloads_in' | 'payloads_out' | 'failed_payloads'][] = [
  ['failed', 'Failed payloads', 'failed_payloads'],
  ['out', 'Payloads out', 'payloads_out'],
  ['in', 'Payloads in', 'payloads_in'],
]

export function StepPanel({ run, step, tab, payload, item, value, onTab, onPayload }: Props) {
  const [redriving, setRedriving] = useState(false)
  const counts = step.counts ?? {}
  const tabs: Tab[] = [
    ...SIDES.filter(([side, , name]) => side !== 'failed' || (counts[name] ?? 0) > 0).map(
      ([side, label, name]): Tab => ({
        id: side,
        label,
        count: count(counts[name] ?? 0),
        body: () => (
          <PayloadList
            run={run.id}
            step={step.step}
            side={side}
            total={counts[name] ?? 0}
            chosen={payload}
            item={item}
            value={value}
            onChoose={onPayload}
          />
        ),
      }),
    ),
    { id: 'logs', label: 'Logs', body: () => <Logs run={run} step={step.step} /> },
    { id: 'exchanges', label: 'Exchanges', body: () => <Exchanges run={run.id} step={step.step} /> },
    { id: 'meta', label: 'Meta', body: () => <Meta step={step} /> },
  ]
  return (
    <section className={css.panel} aria-label={`Step ${step.step}`}>
      <header className={css.panelHead}>
        <h2>{step.name ?? step.step}</h2>
        <StatusIcon status={step.status} words healed={Boolean(step.healed_by)} />
        <span className="grow" />
        {step.status !== 'pending' && (
          <Button icon="redrive" onClick={() => setRedriving(true)}>
            Redrive from here
          </Button>
        )}
      </header>
      {step.error && (
        <div className={css.error} data-healed={step.healed_by ? '' : undefined}>
          <Icon name="bang" />
          <div>
            <strong>{step.error.title}</strong>
            <p>{step.error.detail}</p>
            {step.error.hint && <p className={css.hint}>{step.error.hint}</p>}
            <p className="quiet small">
              <code>{step.error.code}</code>
              {step.error.at && (
                <>
                  {' '}
                  at <code>{step.error.at}</code>
                </>
              )}
              {step.next_attempt_at && (
                <>
                  {' '}
                  · next attempt <Time at={step.next_attempt_at} relative />
                </>
              )}
            </p>
          </div>
        </div>
      )}
      <Tabs label={`Contents of ${step.step}`} tabs={tabs} value={tab} onChange={onTab} />
      {redriving && (
        <RedriveSlot
          runs={[run.id]}
          kind="redrive"
          step={step.step}
          place="at"
          onClose={() => setRedriving(false)}
        />
      )}
    </section>
  )
}

function Meta({ step }: { step: StepRunView }) {
  const rows: [string, React.ReactNode][] = [
    ['Step', <code key="step">{step.step}</code>],
    ['Shape', step.shape],
    ['Attempts', count(step.attempts)],
    ['Started', <Time key="at" at={step.started_at} />],
    ...Object.entries(step.counts ?? {}).map(([name, many]): [string, string] => [
      name.replaceAll('_', ' '),
      count(many),
    ]),
    ...Object.entries(step.deliveries ?? {}).map(([name, many]): [string, string] => [name, count(many)]),
  ]
  if (step.healed_by) rows.push(['Made good by', <RunLink key="healed" id={step.healed_by} />])
  for (const id of step.called ?? []) rows.push(['Called', <RunLink key={id} id={id} />])
  return (
    <dl className={css.meta}>
      {rows.map(([name, value], index) => (
        <div key={`${name}${index}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
