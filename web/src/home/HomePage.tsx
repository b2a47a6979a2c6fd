/** What failed, what waits, what runs, and how the last day went. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import type { RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { Empty } from '~/components/Empty'
import { count, plural } from '~/components/format'
import { Icon, type IconName } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { isOwn } from '~/components/press'
import { StatusIcon } from '~/components/StatusIcon'
import { RedriveSlot } from '~/components/slots'
import { Duration, Time } from '~/components/Values'
import { useTitle } from '~/routes/hooks'
import { CauseOf } from '~/run/CauseOf'
import { type Entry, folded } from '~/run/model'
import { DayChart } from './DayChart'
import css from './home.module.css'

/** What comes close together is read once. */
const TOGETHER_MS = 200
const FAILURES = { status: 'failure,partial_success', unhealed: true, brief: true, limit: 100 } as const
const SHOWN = 12

export default function HomePage() {
  useTitle('')
  const client = useQueryClient()
  const overview = useQuery({
    queryKey: ['home', 'overview'],
    queryFn: ({ signal }) => call('GET /api/v1/overview', { signal }),
  })
  const failures = useQuery({
    queryKey: ['home', 'failures'],
    queryFn: ({ signal }) => call('GET /api/v1/runs', { query: FAILURES, signal }),
  })
  const running = useQuery({
    queryKey: ['home', 'running'],
    queryFn: ({ signal }) => call('GET /api/v1/runs', { query: { status: 'running', limit: 8 }, signal }),
    enabled: (overview.data?.running ?? 0) > 0,
  })
  const waiting = useQuery({
    queryKey: ['home', 'queue'],
    queryFn: ({ signal }) => call('GET /api/v1/queue', { query: { limit: 8 }, signal }),
    enabled: (overview.data?.queued ?? 0) > 0,
  })
  const timer = useRef(0)
  const again = useCallback(() => {
    if (timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void client.invalidateQueries({ queryKey: ['home'] })
    }, TOGETHER_MS)
  }, [client])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )
  useRunEvents('all', { onRun: again, onResume: again })

  const day = overview.data
  const total = Object.values(day?.counts ?? {}).reduce((sum, one) => sum + one, 0)
  return (
    <div className="page">
      <h1 className="unseen">Home</h1>
      {overview.error && <ProblemNote error={overview.error} onRetry={() => void overview.refetch()} />}
      <div className={css.tiles}>
        <Tile
          to="/runs"
          search={{ status: 'failure,partial_success', healed: 'no', since: '24h' }}
          icon="cross"
          tone={day && day.open_failures > 0 ? 'bad' : 'good'}
          value={day && `${count(day.open_failures)}${day.more_failures ? '+' : ''}`}
          label="open failures"
        />
        <Tile
          to="/runs"
          search={{ status: 'running' }}
          icon="redrive"
          tone="run"
          value={day && count(day.running)}
          label="running"
        />
        <Tile
          to="/runs"
          search={{ status: 'queued' }}
          icon="clock"
          tone="wait"
          value={day && count(day.queued)}
          label="waiting"
        />
        <Tile
          to="/runs"
          search={{ since: '24h' }}
          icon="list"
          tone="wait"
          value={day && count(total)}
          label="runs in 24 hours"
        />
      </div>
      <section className={`card ${css.section}`} aria-labelledby="day">
        <h2 id="day">Last 24 hours</h2>
        {day ? <DayChart hours={day.hours} /> : <div className={css.chartPlace} />}
      </section>
      <Failures
        rows={failures.data?.items}
        error={failures.error}
        onRetry={() => void failures.refetch()}
        none={total === 0}
      />
      <div className={css.two}>
        {(running.data?.items.length ?? 0) > 0 && (
          <section className={`card ${css.section}`} aria-labelledby="running">
            <h2 id="running">Running</h2>
            <ul>
              {running.data?.items.map((row) => (
                <li key={row.id} className={css.line}>
                  <StatusIcon status={row.status} />
                  <Link to={`/runs/${row.id}` as string} className="grow one-line">
                    {row.flow}
                  </Link>
                  <span className="quiet">
                    <Duration seconds={row.duration_s} since={row.started_at} />
                  </span>
                </li>
              ))}
            </ul>
          </section>
        )}
        {(waiting.data?.items.length ?? 0) > 0 && (
          <section className={`card ${css.section}`} aria-labelledby="waiting">
            <h2 id="waiting">Waiting</h2>
            <ul>
              {waiting.data?.items.map((one) => (
                <li key={one.run} className={css.line}>
                  <StatusIcon status="queued" />
                  <Link to={`/runs/${one.run}` as string}>{one.flow}</Link>
                  <span className="quiet grow one-line" title={one.reason}>
                    {one.reason}
                  </span>
                  <span className="quiet small">
                    <Time at={one.queued_at} relative />
                  </span>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </div>
  )
}

interface TileProps {
  to: string
  search: Record<string, string>
  icon: IconName
  tone: string
  value: string | undefined
  label: string
}

function Tile({ to, search, icon, tone, value, label }: TileProps) {
  return (
    <Link to={to} search={search as never} className={`card ${css.tile}`}>
      <span className={`status ${tone}`}>
        <span className="status-icon">
          <Icon name={icon} size={14} />
        </span>
      </span>
      <span>
        <span className={css.value}>{value ?? '–'}</span>
        <span className="quiet">{label}</span>
      </span>
    </Link>
  )
}

interface FailuresProps {
  rows: RunRow[] | undefined
  error: unknown
  onRetry(): void
  /** No run at all in the last day. */
  none: boolean
}

function Failures({ rows, error, onRetry, none }: FailuresProps) {
  const navigate = useNavigate()
  const [retrying, setRetrying] = useState<string[] | null>(null)
  const entries = useMemo(() => folded(rows ?? [], new Set()), [rows])
  let body: ReactNode
  if (error) body = <ProblemNote error={error} onRetry={onRetry} />
  else if (rows === undefined) body = <Loading />
  else if (entries.length === 0 && none) {
    body = (
      <Empty icon="flow" title="Nothing has run yet">
        Import a flow with <code>redrive import</code> and start it with <code>redrive run</code>. Every run
        and every payload is kept here.
      </Empty>
    )
  } else if (entries.length === 0) {
    body = (
      <p className={css.calm}>
        <Icon name="check" /> Nothing is open. What failed was made good.
      </p>
    )
  } else {
    body = (
      <ul>
        {entries.slice(0, SHOWN).map((entry) => (
          <Failure
            key={entry.row.id}
            entry={entry}
            onOpen={() => void navigate({ to: `/runs/${entry.row.id}` })}
            onRetry={() => setRetrying([entry.row, ...entry.same].map((row) => row.id))}
          />
        ))}
      </ul>
    )
  }
  return (
    <section className={`card ${css.section}`} aria-labelledby="failed">
      <div className={css.sectionHead}>
        <h2 id="failed">Failed, and not made good</h2>
        {entries.length > 0 && (
          <Link to="/runs" search={{ status: 'failure,partial_success', healed: 'no' } as never}>
            All of them
          </Link>
        )}
      </div>
      {body}
      {retrying && <RedriveSlot runs={retrying} kind="retry" onClose={() => setRetrying(null)} />}
    </section>
  )
}

function Failure({ entry, onOpen, onRetry }: { entry: Entry; onOpen(): void; onRetry(): void }) {
  const { row, same } = entry
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the link in it does the same for keys
    <li
      className={css.failure}
      onClick={(event) => {
        if (isOwn(event)) onOpen()
      }}
    >
      <StatusIcon status={row.status} />
      <div className={css.failureText}>
        <span className={css.failureHead}>
          <Link to={`/runs/${row.id}` as string} className={css.flow}>
            {row.flow}
          </Link>
          <span className="quiet small">
            <Time at={row.queued_at} relative />
          </span>
          {same.length > 0 && <span className="badge bad">{plural(same.length + 1, 'run')}, same cause</span>}
        </span>
        <CauseOf entry={{ row, same: [] }} />
      </div>
      <Button icon="retry" onClick={onRetry}>
        {same.length > 0 ? `Retry ${count(same.length + 1)}` : 'Retry'}
      </Button>
    </li>
  )
}
