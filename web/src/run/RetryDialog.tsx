/** Retries one run or many: one plan for all, with what would be sent, before anything is. */

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { call, startKey } from '~/api/client'
import { asProblem } from '~/api/problem'
import type { PlanView, RetryRequest, RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Checkbox, Field, Input, Select } from '~/components/Field'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { type PlanTotals, totals } from './model'
import css from './run.module.css'
import { type Result, side } from './side'

type From = 'failed' | 'start'

export interface RetryProps {
  runs: string[]
  onClose(): void
  onStarted?(runs: string[]): void
}

export default function RetryDialog({ runs, onClose, onStarted }: RetryProps) {
  const navigate = useNavigate()
  const [from, setFrom] = useState<From>('failed')
  const [policy, setPolicy] = useState('')
  const [reason, setReason] = useState('')
  const [sure, setSure] = useState(false)
  const [done, setDone] = useState<number | null>(null)
  const [results, setResults] = useState<Result<string, RunRow>[] | null>(null)
  const keys = useRef(new Map<string, string>())

  const body = (confirm: boolean): RetryRequest => ({
    from,
    delivery: (policy || null) as RetryRequest['delivery'],
    reason: reason.trim() || null,
    confirm,
  })
  const plans = useQuery({
    queryKey: ['retry plan', runs, from, policy],
    queryFn: ({ signal }) =>
      side(runs, (run_id) =>
        call('POST /api/v1/runs/{run_id}/retry/plan', {
          path: { run_id },
          // A plan sends nothing, so it asks for no reason of its own.
          body: { ...body(true), reason: reason.trim() || (policy === 'send_all' ? 'plan' : null) },
          signal,
        }),
      ),
    gcTime: 0,
    staleTime: 0,
  })
  const planned = plans.data?.filter((one) => one.value !== undefined) ?? []
  const refused = plans.data?.filter((one) => one.error !== undefined) ?? []
  const asked = planned.find((one) => one.value?.confirm)?.value?.confirm
  const ready = planned.length > 0 && (!asked || sure) && (policy !== 'send_all' || reason.trim() !== '')

  const start = async (): Promise<void> => {
    setDone(0)
    const ids = planned.map((one) => one.of)
    const started = await side(
      ids,
      (run_id) => {
        // The same key for the same intent: a second press starts nothing twice.
        const intent = [run_id, from, policy].join(' ')
        const key = keys.current.get(intent) ?? startKey()
        keys.current.set(intent, key)
        return call('POST /api/v1/runs/{run_id}/retry', {
          path: { run_id },
          body: body(sure),
          headers: { 'Idempotency-Key': key },
        })
      },
      setDone,
    )
    setDone(null)
    const made = started.flatMap((one) => (one.value ? [one.value.id] : []))
    onStarted?.(made)
    if (made.length === started.length && started.length === 1 && made[0]) {
      onClose()
      toast.done(
        <>
          The retry runs as <Link to={`/runs/${made[0]}` as string}>{made[0]}</Link>
        </>,
      )
      void navigate({ to: `/runs/${made[0]}` })
      return
    }
    setResults(started)
  }

  if (results !== null) return <Results results={results} onClose={onClose} />
  const many = runs.length > 1
  return (
    <Dialog
      open
      onClose={onClose}
      title={many ? `Retry ${plural(runs.length, 'run')}` : 'Retry the run'}
      about="Each retry is a new run. The flow and the old run stay as they are, and what was delivered is not sent again."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            icon="retry"
            disabled={!ready}
            busy={done !== null}
            onClick={() => void start()}
          >
            {done !== null && many
              ? `${count(done)} of ${count(planned.length)}`
              : many
                ? `Retry ${plural(planned.length || runs.length, 'run')}`
                : 'Retry'}
          </Button>
        </>
      }
    >
      <div className={css.plan} aria-live="polite">
        {plans.isPending ? (
          <Loading what="Planning" />
        ) : plans.error ? (
          <ProblemNote error={plans.error} onRetry={() => void plans.refetch()} />
        ) : (
          <>
            {planned.length > 0 && <Totals sum={totals(planned.map((one) => one.value as PlanView))} />}
            {!many && planned[0]?.value && <Steps plan={planned[0].value} />}
            <Warnings plans={planned.map((one) => one.value as PlanView)} />
            {refused.length > 0 && <Refused refused={refused} many={many} />}
          </>
        )}
      </div>
      <details className={css.more}>
        <summary>Where from, and what may be sent</summary>
        <Field label="From">
          <Select
            value={from}
            options={[
              { value: 'failed', label: 'The steps that failed, at the payloads that failed' },
              { value: 'start', label: 'The start: pulls pull again' },
            ]}
            onChange={(value) => setFrom(value as From)}
          />
        </Field>
        <Field label="What was delivered before">
          <Select
            value={policy}
            options={[
              { value: '', label: 'Left out (skip_delivered)' },
              { value: 'send_changed', label: 'Sent where it has changed (send_changed)' },
              { value: 'send_all', label: 'Sent again (send_all), with a reason' },
            ]}
            onChange={setPolicy}
          />
        </Field>
        <Field
          label="Reason"
          help={policy === 'send_all' ? 'Needed: this may make duplicates.' : 'Kept with the new run.'}
        >
          <Input value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
        </Field>
      </details>
      {asked && (
        <div className={css.confirm}>
          <p>{asked}</p>
          <Checkbox label="I have read this" checked={sure} onChange={setSure} />
        </div>
      )}
    </Dialog>
  )
}

function Totals({ sum }: { sum: PlanTotals }) {
  return (
    <p className={css.totals}>
      <strong>
        {count(sum.toSend)}
        {sum.uncertain && '+'} to send
      </strong>
      {sum.delivered > 0 ? (
        <span className="badge good">
          <Icon name="check" size={12} /> {count(sum.delivered)} already delivered: left out
        </span>
      ) : (
        <span className="quiet">none of them was delivered before</span>
      )}
      {sum.changed > 0 && <span className="badge">{count(sum.changed)} changed</span>}
      {sum.unknown > 0 && (
        <span className="badge warn">{count(sum.unknown)} unknown: not sent until resolved</span>
      )}
      {sum.uncertain && <span className="quiet small">Some counts are known only while it runs.</span>}
    </p>
  )
}

function Steps({ plan }: { plan: PlanView }) {
  if (plan.steps.length < 2) return null
  return (
    <table className={css.planSteps}>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">To send</th>
          <th scope="col">Delivered</th>
        </tr>
      </thead>
      <tbody>
        {plan.steps.map((step) => (
          <tr key={step.step}>
            <th scope="row">{step.step}</th>
            <td>{step.to_send === null ? 'not known yet' : count(step.to_send)}</td>
            <td>{step.delivered === null ? '–' : count(step.delivered)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Warnings({ plans }: { plans: PlanView[] }) {
  const all = [...new Set(plans.flatMap((plan) => plan.warnings))]
  if (all.length === 0) return null
  return (
    <ul className={css.warnings}>
      {all.slice(0, 8).map((text) => (
        <li key={text}>
          <Icon name="warning" size={15} /> {text}
        </li>
      ))}
      {all.length > 8 && <li className="quiet">and {count(all.length - 8)} more</li>}
    </ul>
  )
}

function Refused({ refused, many }: { refused: Result<string, PlanView>[]; many: boolean }) {
  if (!many) return <ProblemNote error={refused[0]?.error} />
  const reasons = new Map<string, string[]>()
  for (const one of refused) {
    const text = asProblem(one.error).detail
    reasons.set(text, [...(reasons.get(text) ?? []), one.of])
  }
  return (
    <div className={css.refused}>
      <strong>{plural(refused.length, 'run')} cannot be retried and will be left out:</strong>
      <ul>
        {[...reasons].slice(0, 5).map(([text, ids]) => (
          <li key={text}>
            {text} {ids.length > 1 && <span className="quiet">({count(ids.length)} times)</span>}
          </li>
        ))}
      </ul>
    </div>
  )
}

function Results({ results, onClose }: { results: Result<string, RunRow>[]; onClose(): void }) {
  const good = results.filter((one) => one.value)
  const bad = results.filter((one) => one.error)
  return (
    <Dialog
      open
      onClose={onClose}
      title={`${plural(good.length, 'retry', 'retries')} started`}
      about="They stand in the run log, each with a link to the run that it was made from."
      actions={
        <Button kind="primary" onClick={onClose}>
          Done
        </Button>
      }
    >
      <ul className={css.results}>
        {good.map((one) => (
          <li key={one.of}>
            <Icon name="check" size={15} /> <Link to={`/runs/${one.of}` as string}>{one.of}</Link>{' '}
            <span className="quiet">as</span>{' '}
            <Link to={`/runs/${one.value?.id}` as string}>{one.value?.id}</Link>
          </li>
        ))}
        {bad.map((one) => (
          <li key={one.of}>
            <Icon name="bang" size={15} /> {one.of}: {asProblem(one.error).detail}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
