/** The run log: every run, why it failed, and what can be done about it. */

import { Link, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useCan } from '~/api/me'
import type { RunRow, RunsWhere } from '~/api/types'
import { Button } from '~/components/Button'
import { type Column, DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { count, plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { StatusIcon } from '~/components/StatusIcon'
import { RedriveSlot } from '~/components/slots'
import { toast } from '~/components/Toasts'
import { Bytes, Duration, Time } from '~/components/Values'
import { useTitle, useView } from '~/routes/hooks'
import { CauseOf } from './CauseOf'
import { FlowFilter, StatusFilter, TextFilter, TimeFilter, TriggerFilter } from './filters'
import { type Entry, FILTERS, filtered, folded, hasEnded, shortly, whereOf } from './model'
import { RunMenu } from './RunMenu'
import { type Reach, reached, readsOn } from './readOn'
import css from './run.module.css'
import { StopDialog } from './StopDialog'
import { saveRuns } from './saveRuns'
import { useRuns } from './useRuns'

const QUICK: [label: string, view: Record<string, string>][] = [
  ['All', {}],
  ['Failed', { status: 'failure,partial_success', healed: 'no' }],
  ['Running', { status: 'running' }],
  ['Waiting', { status: 'queued' }],
]

const DeleteDialog = lazy(() => import('./DeleteDialog'))

const OFF = Object.fromEntries(FILTERS.map((name) => [name, null]))

export default function RunsPage() {
  useTitle('Run log')
  const [view, change] = useView()
  const navigate = useNavigate()
  const { rows, error, isPending, refetch, of, pages, isPlaceholderData, ...more } = useRuns(view)
  const { hasNextPage, isFetching, isFetchingNextPage, fetchNextPage } = more
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const can = useCan()
  const mayDelete = can('administer')
  const [again, setAgain] = useState<Again | null>(null)
  const [deleting, setDeleting] = useState<RunRow[] | null>(null)
  const [stopping, setStopping] = useState<string[] | null>(null)
  const entries = useMemo(() => folded(rows, open), [rows, open])

  const toggle = useCallback((id: string) => {
    setOpen((before) => {
      const after = new Set(before)
      if (!after.delete(id)) after.add(id)
      return after
    })
  }, [])
  const now: Reach = { of, entries: entries.length, rows: rows.length, pages }
  const reach = useRef<Reach | null>(null)
  if (!isPlaceholderData) reach.current = reached(reach.current, now)
  const goesOn = hasNextPage && readsOn(reach.current ?? now, now)
  const onEnd = useCallback(() => {
    if (goesOn && !isFetching) void fetchNextPage()
  }, [goesOn, isFetching, fetchNextPage])
  // A table without a row has no end that could come into sight.
  useEffect(() => {
    if (rows.length === 0) onEnd()
  }, [rows.length, onEnd])
  const readOn = (): void => {
    reach.current = now
    void fetchNextPage()
  }
  const openRun = useCallback((entry: Entry) => void navigate({ to: `/runs/${entry.row.id}` }), [navigate])

  // A folded entry stands for all of its runs.
  const chosen = useMemo(() => {
    const ids: string[] = []
    for (const entry of folded(rows, new Set())) {
      const all = [entry.row, ...entry.same]
      const folds = !open.has(entry.row.id) && selected.has(entry.row.id)
      ids.push(...all.filter((row) => folds || selected.has(row.id)).map((row) => row.id))
    }
    return ids
  }, [rows, open, selected])
  const byId = useMemo(() => new Map(rows.map((row) => [row.id, row])), [rows])
  const ended = chosen.filter((id) => hasEnded(byId.get(id) as RunRow))
  const live = chosen.filter((id) => !hasEnded(byId.get(id) as RunRow))

  const columns = useMemo<Column<Entry>[]>(
    () => [
      {
        id: 'status',
        head: 'Status',
        width: '84px',
        filter: (close) => <StatusFilter view={view} change={change} close={close} />,
        filtered: Boolean(view.status || view.warnings || view.healed),
        cell: ({ row }) => <StatusIcon status={row.status} healed={Boolean(row.healed_by)} />,
      },
      {
        id: 'flow',
        head: 'Flow',
        width: '15%',
        filter: (close) => <FlowFilter view={view} change={change} close={close} />,
        filtered: Boolean(view.flow || view.version || view.label),
        cell: ({ row }) => (
          <Link to={`/runs/${row.id}` as string} className={css.flow} title={row.id}>
            {row.flow} <span className="quiet small">v{row.version}</span>
            <span className={css.below}>{shortly(row.brief?.cause?.detail ?? row.summary)}</span>
          </Link>
        ),
      },
      {
        id: 'cause',
        head: 'What happened',
        filter: (close) => <TextFilter view={view} change={change} close={close} />,
        filtered: Boolean(view.text || view.value),
        wide: true,
        cell: (entry) => <CauseOf entry={entry} open={open.has(entry.row.id)} onToggle={toggle} />,
      },
      {
        id: 'trigger',
        head: 'Trigger',
        width: '92px',
        wide: true,
        filter: (close) => <TriggerFilter view={view} change={change} close={close} />,
        filtered: Boolean(view.trigger),
        cell: ({ row }) => <span className="quiet">{row.trigger}</span>,
      },
      {
        id: 'data',
        head: 'Data',
        width: '80px',
        align: 'right',
        wide: true,
        cell: ({ row }) =>
          row.brief ? (
            <span title={`${plural(row.brief.payloads, 'payload')}, ${plural(row.brief.items, 'item')}`}>
              <Bytes value={row.brief.size_bytes} />
            </span>
          ) : null,
      },
      {
        id: 'duration',
        head: 'Took',
        width: '76px',
        align: 'right',
        wide: true,
        cell: ({ row }) => (
          <Duration seconds={row.duration_s} since={hasEnded(row) ? null : row.started_at} />
        ),
      },
      {
        id: 'queued',
        head: 'Queued',
        width: '132px',
        filter: (close) => <TimeFilter view={view} change={change} close={close} />,
        filtered: Boolean(view.since || view.until),
        cell: ({ row }) => (
          <span className="quiet">
            <Time at={row.queued_at} />
          </span>
        ),
      },
      {
        id: 'menu',
        head: '',
        width: '48px',
        cell: ({ row }) => (
          <RunMenu
            row={row}
            onRetry={() => setAgain({ kind: 'retry', runs: [row.id] })}
            onStop={() => setStopping([row.id])}
            onDelete={mayDelete ? () => setDeleting([row]) : undefined}
          />
        ),
      },
    ],
    [view, change, open, toggle, mayDelete],
  )
  // All that is listed is chosen, and the list goes on: a filter can stand for the rest.
  const whole = hasNextPage && chosen.length >= rows.length

  return (
    <div className="page-full">
      <div className="page-head">
        <h1>Run log</h1>
        <div className={css.quick} role="group" aria-label="Quick filters">
          {QUICK.map(([label, quick]) => (
            <button
              key={label}
              type="button"
              aria-pressed={(view.status ?? '') === (quick.status ?? '')}
              onClick={() => change({ ...OFF, flow: view.flow, ...quick })}
            >
              {label}
            </button>
          ))}
        </div>
        {filtered(view) && (
          <Button kind="bare" icon="cross" onClick={() => change(OFF)}>
            Clear filters
          </Button>
        )}
        <span className="grow" />
        <Button
          kind="bare"
          icon={view.order === 'oldest' ? 'up' : 'down'}
          onClick={() => change({ order: view.order === 'oldest' ? null : 'oldest' })}
        >
          {view.order === 'oldest' ? 'Oldest first' : 'Newest first'}
        </Button>
      </div>
      {chosen.length > 0 && (
        <div className={css.bulk} role="region" aria-label="Selection">
          <strong>{plural(chosen.length, 'run')} selected</strong>
          <Button
            kind="primary"
            icon="retry"
            disabled={ended.length === 0}
            onClick={() => setAgain({ kind: 'retry', runs: ended })}
          >
            Retry {ended.length > 0 ? count(ended.length) : ''}
          </Button>
          <Button
            icon="redrive"
            disabled={ended.length === 0}
            onClick={() => setAgain({ kind: 'redrive', runs: ended })}
          >
            Redrive {ended.length > 0 ? count(ended.length) : ''}
          </Button>
          <Button icon="stop" disabled={live.length === 0} onClick={() => setStopping(live)}>
            Stop {live.length > 0 ? count(live.length) : ''}
          </Button>
          {mayDelete && (
            <Button
              icon="trash"
              disabled={ended.length === 0}
              onClick={() => setDeleting(chosen.map((id) => byId.get(id) as RunRow))}
            >
              Delete {ended.length > 0 ? count(ended.length) : ''}
            </Button>
          )}
          <Button icon="download" onClick={() => void saveRuns(chosen).catch(toast.problem)}>
            Download {count(chosen.length)}
          </Button>
          {whole && (
            <Button
              icon="retry"
              onClick={() => setAgain({ kind: 'retry', runs: ended, where: whereOf(view, Date.now()) })}
            >
              Retry all that fit the filters
            </Button>
          )}
          <Button kind="bare" onClick={() => setSelected(new Set())}>
            Select none
          </Button>
        </div>
      )}
      {error ? (
        <div className={css.inset}>
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      ) : isPending ? (
        <Loading what="Reading the run log" />
      ) : (
        <DataTable
          label="Runs"
          rows={entries}
          columns={columns}
          rowKey={keyOf}
          onOpen={openRun}
          selected={selected}
          onSelect={setSelected}
          onEnd={onEnd}
          rowHeight={48}
          rowClass={(entry) => (entry.of ? (css.taken ?? '') : '')}
          busy={isPlaceholderData}
          of={of}
          foot={
            // Without a row also between two pages: else it would never be late enough to show.
            isFetchingNextPage || (goesOn && rows.length === 0) ? (
              <Loading what={rows.length === 0 ? 'Looking further back' : 'Reading on'} />
            ) : hasNextPage && !goesOn ? (
              <p className={css.further}>
                {rows.length === 0
                  ? 'None among the newest runs.'
                  : `${plural(rows.length, 'run')} read, the others are older.`}
                <Button icon="down" onClick={readOn}>
                  Look further back
                </Button>
              </p>
            ) : null
          }
          empty={
            hasNextPage ? null : filtered(view) ? (
              <Empty icon="filter" title="No run fits these filters">
                Take a filter away, or clear them all.
              </Empty>
            ) : (
              <Empty icon="list" title="No runs yet">
                A run appears here the moment it is queued. Start one with <code>redrive run FLOW</code>.
              </Empty>
            )
          }
        />
      )}
      {again && (
        <RedriveSlot {...again} onClose={() => setAgain(null)} onStarted={() => setSelected(new Set())} />
      )}
      {deleting && (
        <Suspense fallback={null}>
          <DeleteDialog
            rows={deleting}
            onClose={() => setDeleting(null)}
            onDeleted={() => setSelected(new Set())}
          />
        </Suspense>
      )}
      {stopping && <StopDialog runs={stopping} onClose={() => setStopping(null)} />}
    </div>
  )
}

interface Again {
  kind: 'retry' | 'redrive'
  runs: string[]
  where?: RunsWhere
}

function keyOf(entry: Entry): string {
  return entry.row.id
}
