/** The plan: what will be sent and what is left out, and why. Shown before anything starts. */

import { Link } from '@tanstack/react-router'
import type { PlanView } from '~/api/types'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { type Totals, totals } from './choices'
import css from './redrive.module.css'

interface Props {
  plans: readonly PlanView[]
  runs: number
  planned: number
  problem: unknown
  busy: boolean
  lacks: string | null
}

export function Plan({ plans, runs, planned, problem, busy, lacks }: Props) {
  const found = totals(plans)
  return (
    <section className={css.plan} aria-label="Plan" aria-busy={busy}>
      <h3>Plan</h3>
      <div role="status" className={css.told}>
        {lacks ??
          (busy ? (
            runs > 1 ? (
              `Planning ${count(planned)} of ${count(runs)} runs…`
            ) : (
              'Planning…'
            )
          ) : (
            <Told found={found} />
          ))}
      </div>
      {problem !== null && <ProblemNote error={problem} />}
      {plans.length > 0 && problem === null && <Counts plans={plans} busy={busy} />}
      {plans.length === 1 && problem === null && plans[0] && <Details plan={plans[0]} />}
      <Warnings plans={plans} />
    </section>
  )
}

function Told({ found }: { found: Totals }) {
  if (found.steps === 0) return <>It reaches no step that sends.</>
  return (
    <>
      <strong>
        {found.send === null
          ? 'How much is sent is known only when it runs'
          : found.send === 0
            ? 'Nothing will be sent'
            : `${plural(found.send, 'item')} will be sent`}
      </strong>
      {found.delivered > 0 && <>, {count(found.delivered)} delivered already and left out</>}
      {found.newer > 0 && <>, {count(found.newer)} left out because a newer version was delivered</>}
      {found.unknown > 0 && <>, {count(found.unknown)} unknown</>}.
    </>
  )
}

function Counts({ plans, busy }: { plans: readonly PlanView[]; busy: boolean }) {
  const steps = new Map<string, PlanView['steps'][number][]>()
  for (const one of plans.flatMap((plan) => plan.steps))
    steps.set(one.step, [...(steps.get(one.step) ?? []), one])
  if (steps.size === 0) return null
  const sum = (
    of: PlanView['steps'],
    name: 'to_send' | 'delivered' | 'changed' | 'newer' | 'unknown',
  ): string =>
    of.some((one) => one[name] === null || one[name] === undefined)
      ? '?'
      : count(of.reduce((total, one) => total + (one[name] ?? 0), 0))
  return (
    <table className={`${css.counts} ${busy ? css.stale : ''}`}>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col" title="Items that will be sent">
            To send
          </th>
          <th scope="col" title="Delivered before: left out">
            Delivered
          </th>
          <th scope="col" title="To send, and delivered before with other bytes">
            Changed
          </th>
          <th scope="col" title="A later run delivered a newer version: left out">
            Newer
          </th>
          <th scope="col" title="Nobody knows whether these arrived: not sent until that is resolved">
            Unknown
          </th>
        </tr>
      </thead>
      <tbody>
        {[...steps].map(([name, of]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className={css.send}>{sum(of, 'to_send')}</td>
            <td>{sum(of, 'delivered')}</td>
            <td>{sum(of, 'changed')}</td>
            <td>{sum(of, 'newer')}</td>
            <td>{sum(of, 'unknown')}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const SHOWN = 100
const REASONS: Record<string, string> = {
  delivered: 'delivered',
  newer: 'a newer version was delivered',
  changed: 'delivered before with other bytes',
  unknown: 'unknown whether it arrived',
}

function Details({ plan }: { plan: PlanView }) {
  const rows = plan.steps.flatMap((step) => (step.details ?? []).map((one) => ({ step: step.step, ...one })))
  if (rows.length === 0) return null
  const more = plan.steps.reduce((sum, one) => sum + (one.delivered ?? 0) + (one.newer ?? 0), 0) - rows.length
  return (
    <details className={css.details}>
      <summary>
        {plural(Math.max(rows.length, rows.length + more), 'item')} left out: when, and by which run
      </summary>
      <ul>
        {rows.slice(0, SHOWN).map((raw, index) => {
          const one = raw as unknown as {
            step: string
            key: string
            reason: string
            at?: string
            run?: string
          }
          return (
            <li key={index}>
              <code>{one.key}</code> {REASONS[one.reason] ?? one.reason} {one.at && <Time at={one.at} />}{' '}
              {one.run && (
                <>
                  by{' '}
                  <Link to={`/runs/${one.run}`} className="link">
                    {one.run}
                  </Link>
                </>
              )}
            </li>
          )
        })}
        {more > 0 && <li className="quiet">and {count(more)} more</li>}
      </ul>
    </details>
  )
}

function Warnings({ plans }: { plans: readonly PlanView[] }) {
  const texts = new Map<string, number>()
  for (const text of plans.flatMap((plan) => plan.warnings)) texts.set(text, (texts.get(text) ?? 0) + 1)
  if (texts.size === 0) return null
  return (
    <ul className={css.warnings}>
      {[...texts].slice(0, 20).map(([text, times]) => (
        <li key={text}>
          <Icon name="warning" size={15} label="Warning" /> {text}
          {times > 1 && <span className="quiet"> (in {count(times)} plans)</span>}
        </li>
      ))}
    </ul>
  )
}
