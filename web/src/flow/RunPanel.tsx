/** What a run of the flow did at one step: its state, error, and the payloads on each side. */

import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { PayloadView, RunView } from '~/api/types'
import { Button } from '~/components/Button'
import { plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { StatusIcon } from '~/components/StatusIcon'
import { PayloadSlot } from '~/components/slots'
import { Bytes, Duration } from '~/components/Values'
import css from './flow.module.css'

type Side = 'in' | 'out' | 'failed'

export function RunPanel({ run, step }: { run: RunView; step: string | null }) {
  const shown = run.steps.find((one) => one.step === step)
  const [side, setSide] = useState<Side | null>(null)
  const [chosen, setChosen] = useState<string | null>(null)
  if (shown === undefined) {
    return (
      <div className={css.form}>
        <p className="row">
          <StatusIcon status={run.status} words />
          <Link to="/runs/$run" params={{ run: run.id } as never}>
            Open the run
          </Link>
        </p>
        <p className="quiet">Choose a step to see its payloads.</p>
      </div>
    )
  }
  const sides: [Side, string, PayloadView[], number][] = [
    ['in', 'In', shown.payloads_in, shown.counts?.payloads_in ?? shown.payloads_in.length],
    ['out', 'Out', shown.payloads_out, shown.counts?.payloads_out ?? shown.payloads_out.length],
    [
      'failed',
      'Failed',
      shown.failed_payloads,
      shown.counts?.failed_payloads ?? shown.failed_payloads.length,
    ],
  ]
  const first: Side =
    shown.failed_payloads.length > 0 ? 'failed' : shown.payloads_out.length > 0 ? 'out' : 'in'
  const open = side ?? first
  const payloads = sides.find(([name]) => name === open)?.[2] ?? []
  const payload = payloads.find((one) => one.id === chosen) ?? payloads[0]
  return (
    <div className={css.form}>
      <p className="row">
        <StatusIcon status={shown.status} healed={Boolean(shown.healed_by)} words />
        <Duration seconds={shown.duration_s} since={shown.status === 'running' ? shown.started_at : null} />
        <span className="grow" />
        <Link to="/runs/$run" params={{ run: run.id } as never} search={{ step: shown.step } as never}>
          Open the run
        </Link>
      </p>
      {shown.error && (
        <div className="problem" role="alert">
          <Icon name="bang" />
          <div>
            <strong>{shown.error.title}</strong>
            {shown.error.detail && <p>{shown.error.detail}</p>}
            {shown.error.hint && <p className="hint">{shown.error.hint}</p>}
          </div>
        </div>
      )}
      <div className="row" role="group" aria-label="Payloads">
        {sides.map(([name, label, , many]) => (
          <Button
            key={name}
            kind={name === open ? 'primary' : 'plain'}
            aria-pressed={name === open}
            onClick={() => setSide(name)}
          >
            {label} {many}
          </Button>
        ))}
      </div>
      {payloads.length > 1 && (
        <ul className={css.payloads} aria-label="Payloads of the step">
          {payloads.map((one, index) => (
            <li key={one.id}>
              <button type="button" aria-pressed={one.id === payload?.id} onClick={() => setChosen(one.id)}>
                {index + 1} · {one.items === null ? one.media_type : plural(one.items, 'item')} ·{' '}
                <Bytes value={one.size_bytes} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {payload ? (
        <PayloadSlot payload={payload.id} run={run.id} step={shown.step} side={open} />
      ) : (
        <p className="quiet">Nothing is on this side.</p>
      )}
    </div>
  )
}
