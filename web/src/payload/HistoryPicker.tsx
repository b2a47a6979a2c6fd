/** Picks a payload out of what is kept: run, step, side, payload. */

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import type { PayloadView, RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { Field, Select } from '~/components/Field'
import { bytes, plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import css from './payload.module.css'

interface Props {
  /** The run that is looked at first. */
  run: string | null
  /** Only runs of this flow; null: of the flow of `run`, or of any. */
  flow: string | null
  onPick(payload: PayloadView, from: { run: string; step: string }): void
}

const SIDES = { out: 'payloads out', in: 'payloads in', failed_payloads: 'failed payloads' } as const

export function HistoryPicker({ run, flow, onPick }: Props) {
  const [chosen, setChosen] = useState(run ?? '')
  const source = useRun(chosen || null)
  const asked = flow ?? (source.data?.flow || null)
  const runs = useQuery({
    queryKey: ['runs', 'picker', asked],
    queryFn: ({ signal }) => call('GET /api/v1/runs', { query: { flow: asked, limit: 30 }, signal }),
  })
  const [step, setStep] = useState('')
  const there = source.data?.steps ?? []
  const shown = there.find((one) => one.step === step) ?? there.find((one) => one.payloads_out.length > 0)
  const rows = runs.data?.items ?? []
  const listed: RunRow[] =
    source.data && !rows.some((one) => one.id === source.data?.id) ? [source.data, ...rows] : rows
  return (
    <div className={css.picker}>
      <div className={css.pickers}>
        <Field label="Run">
          <Select
            value={chosen}
            onChange={setChosen}
            options={[
              { value: '', label: 'Choose a run' },
              ...listed.map((one) => ({
                value: one.id,
                label: `${one.flow} · ${one.status} · ${new Date(one.queued_at).toLocaleString()}`,
              })),
            ]}
          />
        </Field>
        <Field label="Step">
          <Select
            value={shown?.step ?? ''}
            onChange={setStep}
            options={there.map((one) => ({ value: one.step, label: `${one.step} · ${one.status}` }))}
          />
        </Field>
      </div>
      {(source.error ?? runs.error) && <ProblemNote error={source.error ?? runs.error} />}
      {source.isLoading && <Loading />}
      {shown &&
        (['payloads_out', 'payloads_in', 'failed_payloads'] as const).map((side) =>
          shown[side].length === 0 ? null : (
            <section key={side} aria-label={side.replace('_', ' ')}>
              <h3>
                {side === 'payloads_out'
                  ? SIDES.out
                  : side === 'payloads_in'
                    ? SIDES.in
                    : SIDES.failed_payloads}
              </h3>
              <ul className={css.picks}>
                {shown[side].map((one) => (
                  <li key={one.id}>
                    <Button
                      disabled={one.expired}
                      onClick={() => onPick(one, { run: chosen, step: shown.step })}
                    >
                      <code>{one.id}</code>{' '}
                      {one.expired
                        ? 'expired'
                        : `${one.items === null ? '' : plural(one.items, 'item')} ${bytes(one.size_bytes)}`}
                    </Button>
                  </li>
                ))}
              </ul>
            </section>
          ),
        )}
      {source.data && (
        <p className="quiet small">
          Run <code>{source.data.id}</code>, queued <Time at={source.data.queued_at} />
        </p>
      )}
    </div>
  )
}

export function useRun(run: string | null) {
  return useQuery({
    queryKey: ['run', run, 'with payloads'],
    enabled: run !== null,
    queryFn: ({ signal }) => call('GET /api/v1/runs/{run_id}', { path: { run_id: run ?? '' }, signal }),
  })
}
