/** The dialog of every re-run: where from, with what, how; the plan before it starts; progress; the result. */

import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { call, startKey } from '~/api/client'
import { useRunEvents } from '~/api/live'
import type { RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Checkbox } from '~/components/Field'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import type { RedriveDialogProps } from '~/components/slots'
import { useRun } from '~/payload/HistoryPicker'
import {
  buttonText,
  type Choices,
  hasFailed,
  isRetry,
  lacks,
  opening,
  redriveRequest,
  retryRequest,
  totals,
} from './choices'
import { Data, Edits } from './Data'
import { How } from './How'
import { forEach, type Outcome } from './many'
import { Plan } from './Plan'
import { Results } from './Results'
import css from './redrive.module.css'
import { usePlans } from './usePlans'
import { Where } from './Where'

export default function RedriveDialog(props: RedriveDialogProps) {
  const many = props.runs.length > 1
  const [runs] = useState(() => [...props.runs])
  // The first run stands for all: its steps are those that can be chosen.
  const source = useRun(runs[0] ?? null)
  const [choices, setChoices] = useState<Choices | null>(null)
  const [confirmed, setConfirmed] = useState(false)
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome<RunRow>> | null>(null)
  const [rows, setRows] = useState<ReadonlyMap<string, RunRow>>(new Map())
  const keys = useRef<Map<string, string>>(new Map())
  const queries = useQueryClient()

  useEffect(() => {
    if (source.data && choices === null) {
      setChoices(opening(props, source.data, many || hasFailed(source.data)))
    }
  }, [source.data, choices, many, props])
  const change = (patch: Partial<Choices>): void => {
    setChoices((before) => before && { ...before, ...patch })
    setConfirmed(false)
    keys.current.clear() // another intent is another start
  }
  const { plans, problems, busy, of } = usePlans(runs, outcomes === null ? choices : null)
  const shown = useMemo(() => [...plans.values()], [plans])

  useRunEvents('all', {
    onRun: (row) => setRows((before) => new Map(before).set(row.id, row)),
    onResume: () => {
      for (const one of outcomes?.values() ?? []) if (one.state === 'done') void look(one.value.id)
    },
  })
  const look = async (run_id: string): Promise<void> => {
    const row = await call('GET /api/v1/runs/{run_id}', { path: { run_id } })
    setRows((before) => new Map(before).set(row.id, row))
  }

  const lacking = choices === null ? null : lacks(choices)
  const asks = shown.filter((one) => one.confirm)
  const able = runs.filter((run) => plans.has(run))
  const ready =
    choices !== null &&
    lacking === null &&
    !busy &&
    of === choices &&
    able.length > 0 &&
    (asks.length === 0 || confirmed)
  const kind = choices !== null && isRetry(choices) ? 'Retry' : 'Redrive'

  const start = async (): Promise<void> => {
    if (choices === null || !ready) return
    const asked = new AbortController()
    setOutcomes(new Map(able.map((run) => [run, { state: 'waits' } as const])))
    const started: string[] = []
    await forEach(
      able,
      async (run) => {
        const key = keys.current.get(run) ?? startKey()
        keys.current.set(run, key)
        const row = await begin(run, choices, key, confirmed)
        started.push(row.id)
        return row
      },
      (run, outcome) => setOutcomes((before) => new Map(before).set(run, outcome)),
      asked.signal,
    )
    void queries.invalidateQueries({ queryKey: ['runs'] })
    for (const run of runs) void queries.invalidateQueries({ queryKey: ['run', run] })
    if (started.length > 0) props.onStarted?.(started)
  }

  const title = many ? `${kind} ${runs.length} runs` : `${kind} a run of ${source.data?.flow ?? '…'}`
  return (
    <Dialog
      open
      onClose={props.onClose}
      size="wide"
      title={outcomes === null ? title : `${title}: started`}
      about={
        many ? undefined : (
          <>
            <code>{runs[0]}</code>
            {source.data &&
              ` · version ${source.data.version} · ${source.data.summary || source.data.status}`}
          </>
        )
      }
      actions={
        outcomes === null ? (
          <>
            <Button onClick={props.onClose}>Cancel</Button>
            <Button kind="primary" icon="redrive" disabled={!ready} onClick={() => void start()}>
              {buttonText(kind, busy || shown.length === 0 ? null : totals(shown), able.length)}
            </Button>
          </>
        ) : (
          <Button kind="primary" onClick={props.onClose}>
            Close
          </Button>
        )
      }
    >
      {outcomes !== null ? (
        <Results outcomes={outcomes} rows={rows} />
      ) : (
        <>
          <div className={css.columns}>
            <div className={css.form}>
              {source.error && <ProblemNote error={source.error} onRetry={() => void source.refetch()} />}
              {choices === null || !source.data ? (
                !source.error && <Loading />
              ) : (
                <>
                  <Where run={source.data} many={many} choices={choices} onChange={change} />
                  {!isRetry(choices) && (
                    <Data run={source.data} many={many} choices={choices} onChange={change} />
                  )}
                  <How run={source.data} many={many} choices={choices} onChange={change} />
                </>
              )}
            </div>
            <div className={css.aside}>
              <Plan
                plans={shown}
                runs={runs.length}
                planned={plans.size + problems.size}
                problem={many ? null : ([...problems.values()][0] ?? null)}
                busy={busy}
                lacks={lacking}
              />
              {many && problems.size > 0 && !busy && <Refused problems={problems} />}
              {!many && choices !== null && isEditFault([...problems.values()][0]) && (
                <Checkbox
                  label="Take the edit as it is, although it does not parse"
                  checked={choices.force}
                  onChange={(force) => change({ force })}
                />
              )}
              {asks.length > 0 && !busy && (
                <div className={css.confirm}>
                  {asks.slice(0, 3).map((one) => (
                    <p key={one.source_run}>{one.confirm}</p>
                  ))}
                  {asks.length > 3 && <p>and {plural(asks.length - 3, 'more run')} that did not fail</p>}
                  <Checkbox label="Start it all the same" checked={confirmed} onChange={setConfirmed} />
                </div>
              )}
            </div>
          </div>
          {choices !== null && source.data && !isRetry(choices) && (
            <Edits run={source.data} many={many} choices={choices} onChange={change} />
          )}
        </>
      )}
    </Dialog>
  )
}

function isEditFault(problem: unknown): boolean {
  return (problem as { code?: string } | undefined)?.code === 'edit.invalid'
}

function Refused({ problems }: { problems: ReadonlyMap<string, unknown> }) {
  return (
    <details className={css.details}>
      <summary>{plural(problems.size, 'run')} cannot be re-run so: these are left out</summary>
      <ul>
        {[...problems].slice(0, 50).map(([run, problem]) => (
          <li key={run}>
            <code>{run}</code> {problem instanceof Error ? problem.message : String(problem)}
          </li>
        ))}
      </ul>
    </details>
  )
}

function begin(run_id: string, choices: Choices, key: string, confirm: boolean): Promise<RunRow> {
  const headers = { 'Idempotency-Key': key }
  return isRetry(choices)
    ? call('POST /api/v1/runs/{run_id}/retry', {
        path: { run_id },
        headers,
        body: retryRequest(choices, confirm),
      })
    : call('POST /api/v1/runs/{run_id}/redrive', {
        path: { run_id },
        headers,
        body: redriveRequest(choices, confirm),
      })
}
