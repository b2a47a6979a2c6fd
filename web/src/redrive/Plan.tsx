/** The plan: what will be sent and what is left out, and why. Shown before anything starts. */

import { Link } from '@tanstack/react-router'
import type { BulkNote, BulkPlan, PlanStep, PlanView } from '~/api/types'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { type Totals, totals } from './choices'
import css from './redrive.module.css'

interface Props {
  /** Of one run or of many. */
  plan: Pick<BulkPlan, 'runs' | 'planned' | 'steps' | 'warnings'> | null
  /** Of one run only: with what is left out, and why. */
  one: PlanView | null
  problem: unknown
  busy: boolean
  lacks: string | null
}

export function Plan({ plan, one, problem, busy, lacks }: Props) {
  return (
    <section className={css.plan} aria-label="Plan" aria-busy={busy}>
      <h3>Plan</h3>
      <div role="status" className={css.told}>
        {lacks ?? (busy ? 'Planning…' : plan && <Told found={totals([plan])} />)}
        {plan && plan.planned < plan.runs && (
          <>
            {' '}
            Counted are the first {count(plan.planned)} of {plural(plan.runs, 'run')}.
          </>
        )}
      </div>
      {problem !== null && <ProblemNote error={problem} />}
      {plan && problem === null && <Counts steps={plan.steps} busy={busy} />}
      {one && problem === null && <Details plan={one} />}
      {plan && <Warnings notes={plan.warnings} />}
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

function Counts({ steps, busy }: { steps: readonly PlanStep[]; busy: boolean }) {
  if (steps.length === 0) return null
  const shown = (value: number | null | undefined): string => (value == null ? '?' : count(value))
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
        {steps.map((one) => (
          <tr key={one.step}>
            <th scope="row">{one.step}</th>
            <td className={css.send}>{shown(one.to_send)}</td>
            <td>{shown(one.delivered)}</td>
            <td>{shown(one.changed)}</td>
            <td>{shown(one.newer)}</td>
            <td>{shown(one.unknown)}</td>
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

function Warnings({ notes }: { notes: readonly BulkNote[] }) {
  if (notes.length === 0) return null
  return (
    <ul className={css.warnings}>
      {notes.slice(0, 20).map((note) => (
        <li key={note.text}>
          <Icon name="warning" size={15} label="Warning" /> {note.text}
          {note.runs > 1 && <span className="quiet"> (in {plural(note.runs, 'plan')})</span>}
        </li>
      ))}
    </ul>
  )
}
