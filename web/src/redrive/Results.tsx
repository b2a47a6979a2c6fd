/** What became of it: each new run, live, and how all of them ended. */

import { Link } from '@tanstack/react-router'
import type { RunRow } from '~/api/types'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import { StatusIcon } from '~/components/StatusIcon'
import { Duration } from '~/components/Values'
import type { Outcome } from './many'
import css from './redrive.module.css'
import { tally } from './tally'

interface Props {
  outcomes: ReadonlyMap<string, Outcome<RunRow>>
  rows: ReadonlyMap<string, RunRow>
}

export function Results({ outcomes, rows }: Props) {
  const all = [...outcomes].map(([source, outcome]) => ({
    source,
    outcome,
    row: outcome.state === 'done' ? (rows.get(outcome.value.id) ?? outcome.value) : null,
  }))
  const found = tally(all.map(({ outcome, row }) => ({ state: outcome.state, status: row?.status ?? null })))
  return (
    <div className={css.results}>
      <p role="status" className={css.told}>
        <strong>
          {found.ended < found.all
            ? `${count(found.ended)} of ${plural(found.all, 'run')} ended`
            : found.all === 1
              ? 'Ended'
              : `All ${count(found.all)} runs ended`}
        </strong>
        {found.success > 0 && <>: {count(found.success)} in success</>}
        {found.other > 0 && <>, {count(found.other)} otherwise</>}
        {found.refused > 0 && <>, {count(found.refused)} not started</>}.
      </p>
      <progress aria-label="Runs that have ended" max={found.all} value={found.ended} />
      <ul className={css.outcomes}>
        {all.map(({ source, outcome, row }) => (
          <li key={source} data-source={source}>
            {outcome.state === 'failed' ? (
              <ProblemNote error={outcome.problem} />
            ) : row === null ? (
              <span className="quiet">
                <Icon name="clock" size={14} /> {source} waits
              </span>
            ) : (
              <>
                <StatusIcon status={row.status} words />
                <Link to={`/runs/${row.id}`} className="link">
                  {row.id}
                </Link>
                <span className="grow one-line" title={row.summary}>
                  {row.summary}
                </span>
                <Duration seconds={row.duration_s} since={row.finished_at ? null : row.started_at} />
              </>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}
