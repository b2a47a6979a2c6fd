/** What waits and why; what is paused, which targets are down; and the way to another order. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import { useCan } from '~/api/me'
import { usePages } from '~/api/pages'
import type { MoveRequest, PauseRequest, QueueItem } from '~/api/types'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { type Column, DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Select } from '~/components/Field'
import { plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { useTitle } from '~/routes/hooks'
import { BulkList } from './Bulks'
import { byReason, heading, isPaused, KINDS, PRIORITIES } from './model'
import { CircuitList, PauseDialog, PauseList } from './Pauses'
import css from './queue.module.css'

/** Changes that come close together are read together. */
const TOGETHER_MS = 250

export default function QueuePage() {
  useTitle('Queue')
  const client = useQueryClient()
  const can = useCan()
  const waiting = usePages(['queue', 'runs'], (cursor, signal) =>
    call('GET /api/v1/queue', { query: { limit: 100, cursor }, signal }),
  )
  const pauses = useQuery({
    queryKey: ['queue', 'pauses'],
    queryFn: ({ signal }) => call('GET /api/v1/pauses', { signal }),
  })
  const circuits = useQuery({
    queryKey: ['queue', 'circuits'],
    queryFn: ({ signal }) => call('GET /api/v1/circuits', { signal }),
  })
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [pausing, setPausing] = useState<PauseRequest | null>(null)
  const [stopping, setStopping] = useState<string[] | null>(null)

  const timer = useRef(0)
  const soon = useCallback(() => {
    if (timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void client.invalidateQueries({ queryKey: ['queue'] })
    }, TOGETHER_MS)
  }, [client])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )
  useRunEvents('all', { onRun: soon, onResume: soon })

  const move = useCallback(
    async (runs: string[], to: MoveRequest): Promise<void> => {
      try {
        for (const run_id of runs) await call('PATCH /api/v1/queue/{run_id}', { path: { run_id }, body: to })
        toast.done(`Moved ${plural(runs.length, 'run')}`)
      } catch (thrown) {
        toast.problem(thrown)
      }
      await client.invalidateQueries({ queryKey: ['queue'] })
    },
    [client],
  )

  const paused = pauses.data?.items ?? []
  const down = circuits.data?.items ?? []
  const all = isPaused(paused, 'all')
  const rows = waiting.rows
  const chosen = rows.filter((row) => selected.has(row.run)).map((row) => row.run)
  const mayMove = can('stop')
  const mayStop = can('stop')

  const columns = useMemo<Column<QueueItem>[]>(
    () => [
      {
        id: 'position',
        head: '#',
        width: '56px',
        align: 'right',
        cell: (row) => <span className="quiet">{row.position}</span>,
      },
      {
        id: 'flow',
        head: 'Flow',
        width: '22%',
        cell: (row) => (
          <Link to={`/runs/${row.run}` as string} title={row.run}>
            {row.flow}
          </Link>
        ),
      },
      {
        id: 'why',
        head: 'Why it waits',
        cell: (row) => <Why row={row} />,
      },
      {
        id: 'priority',
        head: 'Priority',
        width: '124px',
        cell: (row) =>
          mayMove ? (
            <Select
              aria-label={`Priority of ${row.run}`}
              value={row.priority}
              options={[...PRIORITIES]}
              onChange={(priority) => void move([row.run], { priority: priority as MoveRequest['priority'] })}
            />
          ) : (
            row.priority
          ),
      },
      {
        id: 'queued',
        head: 'Queued',
        width: '110px',
        wide: true,
        cell: (row) => (
          <span className="quiet">
            <Time at={row.queued_at} relative />
          </span>
        ),
      },
      {
        id: 'menu',
        head: '',
        width: '52px',
        cell: (row) => (
          <Menu
            label={`Actions for ${row.run}`}
            items={[
              { label: 'Open the run', icon: 'list', href: `/runs/${row.run}` },
              ...(mayMove
                ? [
                    {
                      label: 'Move to the front',
                      icon: 'up' as const,
                      act: () => void move([row.run], { front: true }),
                    },
                    {
                      label: `Pause ${row.flow}…`,
                      icon: 'bang' as const,
                      act: () => setPausing({ kind: 'flow', name: row.flow }),
                    },
                  ]
                : []),
              ...(mayStop
                ? [
                    {
                      label: 'Stop…',
                      icon: 'stop' as const,
                      danger: true,
                      act: () => setStopping([row.run]),
                    },
                  ]
                : []),
            ]}
          />
        ),
      },
    ],
    [move, mayMove, mayStop],
  )

  return (
    <div className="page-full">
      <div className="page-head">
        <h1>Queue</h1>
        {!waiting.isPending && <span className="quiet">{heading(rows.length, waiting.hasNextPage)}</span>}
        <ul className={css.reasons} aria-label="Reasons">
          {byReason(rows).map(({ kind, many }) => (
            <li key={kind} className={`badge ${KINDS[kind].tone}`}>
              {many} {KINDS[kind].words.toLowerCase()}
            </li>
          ))}
        </ul>
        <span className="grow" />
        {mayMove && (
          <>
            <Button onClick={() => setPausing({ kind: 'flow' })}>Pause a flow or connection…</Button>
            {!all && <Button onClick={() => setPausing({ kind: 'all' })}>Pause everything…</Button>}
          </>
        )}
      </div>
      {(pauses.error ?? circuits.error) && <ProblemNote error={pauses.error ?? circuits.error} />}
      <BulkList />
      {paused.length > 0 && <PauseList pauses={paused} can={mayMove} />}
      {down.length > 0 && <CircuitList circuits={down} can={mayMove} />}
      {chosen.length > 0 && (
        <div className={css.bulk} role="region" aria-label="Selection">
          <strong>{plural(chosen.length, 'run')} selected</strong>
          {mayMove && (
            <>
              <Button icon="up" onClick={() => void move([...chosen].reverse(), { front: true })}>
                Move to the front
              </Button>
              <Select
                aria-label="Give another priority"
                className={css.short}
                value=""
                options={[{ value: '', label: 'Priority…', disabled: true }, ...PRIORITIES]}
                onChange={(priority) => void move(chosen, { priority: priority as MoveRequest['priority'] })}
              />
            </>
          )}
          {mayStop && (
            <Button icon="stop" kind="danger" onClick={() => setStopping(chosen)}>
              Stop…
            </Button>
          )}
          <Button kind="bare" onClick={() => setSelected(new Set())}>
            Select none
          </Button>
        </div>
      )}
      {waiting.error ? (
        <ProblemNote error={waiting.error} onRetry={() => void waiting.refetch()} />
      ) : waiting.isPending ? (
        <Loading what="Reading the queue" />
      ) : (
        <DataTable
          label="What waits"
          rows={rows}
          columns={columns}
          rowKey={keyOf}
          selected={mayMove || mayStop ? selected : undefined}
          onSelect={mayMove || mayStop ? setSelected : undefined}
          onEnd={waiting.onEnd}
          rowHeight={52}
          foot={waiting.isFetchingNextPage ? <Loading what="Reading on" /> : null}
          empty={
            <Empty icon="queue" title="Nothing waits">
              Every run that was queued has begun. A run shows here, with the reason, when it has to wait.
            </Empty>
          }
        />
      )}
      {pausing && <PauseDialog first={pausing} onClose={() => setPausing(null)} />}
      {stopping && (
        <Confirm
          title={`Stop ${plural(stopping.length, 'run')}?`}
          about="A run that waits ends as stopped without having begun. It can be retried from the run log."
          action="Stop"
          icon="stop"
          danger
          onClose={() => setStopping(null)}
          act={async () => {
            for (const run_id of stopping) {
              await call('POST /api/v1/runs/{run_id}/stop', { path: { run_id }, body: {} })
            }
            toast.done(`Stopped ${plural(stopping.length, 'run')}`)
            setSelected(new Set())
            await client.invalidateQueries({ queryKey: ['queue'] })
          }}
        >
          {null}
        </Confirm>
      )}
    </div>
  )
}

function Why({ row }: { row: QueueItem }) {
  const kind = KINDS[row.kind]
  return (
    <div className={css.why} title={row.reason}>
      <span className={`badge ${kind.tone}`}>
        <Icon name={kind.icon} size={13} /> {kind.words}
      </span>
      <span className="one-line">
        {row.waits_for ? (
          <>
            {row.reason} <Link to={`/runs/${row.waits_for}` as string}>Open it</Link>
          </>
        ) : (
          row.reason
        )}
      </span>
      {row.until && (
        <span className="quiet small">
          <Time at={row.until} relative />
        </span>
      )}
    </div>
  )
}

function keyOf(row: QueueItem): string {
  return row.run
}
