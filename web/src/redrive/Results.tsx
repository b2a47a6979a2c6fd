/** What became of it: the new run or runs, live, and how they ended. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import { useCan } from '~/api/me'
import type { BulkRun, BulkView, RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import { StatusIcon } from '~/components/StatusIcon'
import { toast } from '~/components/Toasts'
import { Duration } from '~/components/Values'
import css from './redrive.module.css'
import { isOver, type Tally, tallyOf, tallyOfRun } from './tally'

const LISTED = 100
const LOOK_MS = 700

/** One new run. */
export function Results({ run }: { run: RunRow }) {
  const [row, setRow] = useState(run)
  // Its own stream begins with how it stands: the run may have ended before anybody could listen.
  useRunEvents(run.id, { onRun: setRow })
  return (
    <div className={css.results}>
      <Told found={tallyOfRun(row.status)} />
      <ul className={css.outcomes}>
        <li data-source={run.source_run ?? undefined}>
          <StatusIcon status={row.status} words />
          <Link to={`/runs/${row.id}`} className="link">
            {row.id}
          </Link>
          <span className="grow one-line" title={row.summary}>
            {row.summary}
          </span>
          <Duration seconds={row.duration_s} since={row.finished_at ? null : row.started_at} />
        </li>
      </ul>
    </div>
  )
}

/** A job of many runs: how far it is, the first of its runs, and a way to hold it. */
export function BulkResults({ bulk }: { bulk: BulkView }) {
  const can = useCan()
  const path = { bulk_id: bulk.id }
  const found = useQuery({
    queryKey: ['bulk', bulk.id],
    queryFn: async ({ signal }) => {
      const view = await call('GET /api/v1/bulks/{bulk_id}', { path, signal })
      const runs = await call('GET /api/v1/bulks/{bulk_id}/runs', { path, query: { limit: LISTED }, signal })
      return { view, runs }
    },
    refetchInterval: (query) => (query.state.data && isOver(query.state.data.view) ? false : LOOK_MS),
  })
  const view = found.data?.view ?? bulk
  const runs = found.data?.runs.items ?? []
  const hold = async (verb: 'pause' | 'resume' | 'cancel'): Promise<void> => {
    try {
      await call(`POST /api/v1/bulks/{bulk_id}/${verb}`, { path })
    } catch (thrown) {
      toast.problem(thrown)
    }
    await found.refetch()
  }
  return (
    <div className={css.results}>
      <Told found={tallyOf(view)} />
      {can('redrive') && view.ended_at === null && (
        <div className={css.hold}>
          {view.state === 'paused' ? (
            <Button icon="play" onClick={() => void hold('resume')}>
              Go on
            </Button>
          ) : (
            <Button onClick={() => void hold('pause')}>Pause</Button>
          )}
          <Button icon="cross" onClick={() => void hold('cancel')}>
            Start no more
          </Button>
        </div>
      )}
      {view.problem && <ProblemNote error={view.problem} />}
      {found.error && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      <ul className={css.outcomes}>
        {runs.map((run) => (
          <BulkRow key={run.source_run} run={run} />
        ))}
        {view.runs > LISTED && <li className="quiet">and {plural(view.runs - LISTED, 'more run')}</li>}
      </ul>
    </div>
  )
}

function BulkRow({ run }: { run: BulkRun }) {
  return (
    <li data-source={run.source_run}>
      {run.problem ? (
        <>
          <Icon name="bang" size={15} label="Not started" />
          <code>{run.source_run}</code>
          <span className="grow one-line" title={run.problem.detail}>
            {run.problem.detail}
          </span>
        </>
      ) : run.run && run.status ? (
        <>
          <StatusIcon status={run.status} words />
          <Link to={`/runs/${run.run}`} className="link">
            {run.run}
          </Link>
          <span className="grow one-line" title={run.summary ?? ''}>
            {run.summary}
          </span>
        </>
      ) : (
        <span className="quiet">
          <Icon name="clock" size={14} /> {run.run ?? run.source_run} {run.run ? 'was deleted' : 'waits'}
        </span>
      )}
    </li>
  )
}

function Told({ found }: { found: Tally }) {
  return (
    <>
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
        {found.refused > 0 && <>, {count(found.refused)} not started</>}
        {found.state && found.state !== 'ended' && found.state !== 'running' && <> ({found.state})</>}.
      </p>
      <progress aria-label="Runs that have ended" max={found.all} value={found.ended} />
    </>
  )
}
