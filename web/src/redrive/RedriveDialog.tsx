/** The dialog of every re-run: where from, with what, how; the plan before it starts; progress; the result. */

import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { call, startKey } from '~/api/client'
import type { BulkNote, BulkView, RunRow } from '~/api/types'
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
import { Plan } from './Plan'
import { BulkResults, Results } from './Results'
import css from './redrive.module.css'
import { bulkRequest, isMany, type Sources, usePlans } from './usePlans'
import { Where } from './Where'

type Started = { run: RunRow } | { bulk: BulkView }

export default function RedriveDialog(props: RedriveDialogProps) {
  const [sources] = useState<Sources>(() => ({ runs: [...props.runs], where: props.where }))
  const many = isMany(sources)
  // The first run stands for all: its steps are those that can be chosen.
  const source = useRun(sources.runs[0] ?? null)
  const [choices, setChoices] = useState<Choices | null>(null)
  const [confirmed, setConfirmed] = useState(false)
  const [started, setStarted] = useState<Started | null>(null)
  const [starting, setStarting] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const key = useRef('')
  const queries = useQueryClient()

  useEffect(() => {
    if (source.data && choices === null) {
      setChoices(opening(props, source.data, many || hasFailed(source.data)))
    }
  }, [source.data, choices, many, props])
  const change = (patch: Partial<Choices>): void => {
    setChoices((before) => before && { ...before, ...patch })
    setConfirmed(false)
    key.current = '' // another intent is another start
  }
  const { plan, one, problem, busy, of } = usePlans(sources, started === null ? choices : null)
  const lacking = choices === null ? null : lacks(choices)
  const asks = plan?.confirm ?? null
  const ready =
    lacking === null &&
    !busy &&
    choices !== null &&
    of === choices &&
    plan !== null &&
    plan.able > 0 &&
    (asks === null || confirmed)
  const kind = choices !== null && isRetry(choices) ? 'Retry' : 'Redrive'
  const runs = plan?.runs ?? sources.runs.length

  const start = async (): Promise<void> => {
    if (choices === null || !ready) return
    setStarting(true)
    setFault(null)
    key.current ||= startKey() // a second press of the same intent starts nothing twice
    try {
      const made = await begin(sources, choices, key.current, confirmed)
      setStarted(made)
      props.onStarted?.('run' in made ? [made.run.id] : [])
    } catch (thrown) {
      setFault(thrown)
    }
    setStarting(false)
    void queries.invalidateQueries({ queryKey: ['runs'] })
    for (const run of sources.runs) void queries.invalidateQueries({ queryKey: ['run', run] })
  }

  const title = many ? `${kind} ${plural(runs, 'run')}` : `${kind} a run of ${source.data?.flow ?? '…'}`
  return (
    <Dialog
      open
      onClose={props.onClose}
      size="wide"
      title={started === null ? title : `${title}: started`}
      about={
        many ? (
          started && (
            <>
              The server starts them, also when this page is closed: see <Link to="/queue">Queue</Link>.
            </>
          )
        ) : (
          <>
            <code>{sources.runs[0]}</code>
            {source.data &&
              ` · version ${source.data.version} · ${source.data.summary || source.data.status}`}
          </>
        )
      }
      actions={
        started === null ? (
          <>
            <Button onClick={props.onClose}>Cancel</Button>
            <Button
              kind="primary"
              icon={kind === 'Retry' ? 'retry' : 'redrive'}
              busy={starting}
              disabled={!ready}
              onClick={() => void start()}
            >
              {buttonText(kind, busy || plan === null ? null : totals([plan]), able(plan, runs))}
            </Button>
          </>
        ) : (
          <Button kind="primary" onClick={props.onClose}>
            Close
          </Button>
        )
      }
    >
      {started !== null ? (
        'bulk' in started ? (
          <BulkResults bulk={started.bulk} />
        ) : (
          <Results run={started.run} />
        )
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
              <Plan plan={plan} one={one} problem={problem} busy={busy} lacks={lacking} />
              {plan !== null && plan.refused.length > 0 && !busy && <Refused notes={plan.refused} />}
              {!many && choices !== null && isEditFault(problem) && (
                <Checkbox
                  label="Take the edit as it is, although it does not parse"
                  checked={choices.force}
                  onChange={(force) => change({ force })}
                />
              )}
              {asks !== null && !busy && (
                <div className={css.confirm}>
                  <p>{asks}</p>
                  <Checkbox label="Start it all the same" checked={confirmed} onChange={setConfirmed} />
                </div>
              )}
              {fault !== null && <ProblemNote error={fault} />}
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

/** Of very many runs only the first are planned: the rest may be able. */
function able(plan: { runs: number; planned: number; able: number } | null, runs: number): number {
  return plan === null ? runs : plan.able + (plan.runs - plan.planned)
}

function isEditFault(problem: unknown): boolean {
  return (problem as { code?: string } | null)?.code === 'edit.invalid'
}

function Refused({ notes }: { notes: readonly BulkNote[] }) {
  const all = notes.reduce((sum, note) => sum + note.runs, 0)
  return (
    <details className={css.details} open>
      <summary>{plural(all, 'run')} cannot be re-run so and will be left out</summary>
      <ul>
        {notes.slice(0, 20).map((note) => (
          <li key={note.text}>
            {note.text} <span className="quiet">({plural(note.runs, 'run')})</span>
          </li>
        ))}
      </ul>
    </details>
  )
}

async function begin(sources: Sources, choices: Choices, key: string, confirm: boolean): Promise<Started> {
  const headers = { 'Idempotency-Key': key }
  if (isMany(sources)) {
    return {
      bulk: await call('POST /api/v1/bulks', { headers, body: bulkRequest(sources, choices, confirm) }),
    }
  }
  const path = { run_id: sources.runs[0] as string }
  return {
    run: isRetry(choices)
      ? await call('POST /api/v1/runs/{run_id}/retry', {
          path,
          headers,
          body: retryRequest(choices, confirm),
        })
      : await call('POST /api/v1/runs/{run_id}/redrive', {
          path,
          headers,
          body: redriveRequest(choices, confirm),
        }),
  }
}
