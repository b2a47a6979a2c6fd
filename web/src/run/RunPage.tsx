/** One run: its steps in order, and beside them what the chosen step holds. Error and payload are on one screen. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useEffect, useRef, useState } from 'react'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import type { RunView } from '~/api/types'
import { Button } from '~/components/Button'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { StatusIcon } from '~/components/StatusIcon'
import { RedriveSlot } from '~/components/slots'
import { Duration, Time } from '~/components/Values'
import { usePart, useTitle, useView } from '~/routes/hooks'
import { useKeys } from '~/shell/shortcuts'
import { hasEnded, stepToShow, tabToShow } from './model'
import { RunMenu } from './RunMenu'
import css from './run.module.css'
import { StepList } from './StepList'
import { StepPanel } from './StepPanel'
import { StopDialog } from './StopDialog'

const TOGETHER_MS = 150

export default function RunPage() {
  const id = usePart('run')
  const client = useQueryClient()
  const key = ['run', id]
  const {
    data: run,
    error,
    refetch,
  } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) =>
      call('GET /api/v1/runs/{run_id}', { path: { run_id: id }, query: { listed: 0 }, signal }),
    staleTime: 0, // what is known is shown at once, and read again: another run may have made it good
  })
  useTitle(run ? `${run.flow} ${run.id}` : id)
  const timer = useRef(0)
  const again = useCallback(() => {
    if (timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void client.invalidateQueries({ queryKey: ['run', id] })
    }, TOGETHER_MS)
  }, [client, id])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )
  useRunEvents(run && !hasEnded(run) ? id : null, { onRun: again, onResume: again })

  if (error) {
    return (
      <div className="page">
        <ProblemNote error={error} onRetry={() => void refetch()} />
      </div>
    )
  }
  return run ? <Shown run={run} /> : <Loading what="Reading the run" />
}

function Shown({ run }: { run: RunView }) {
  const [view, change] = useView()
  const [dialog, setDialog] = useState<'retry' | 'redrive' | 'stop' | null>(null)
  const chosen =
    view.step && run.steps.some((step) => step.step === view.step) ? view.step : stepToShow(run.steps)
  const step = run.steps.find((one) => one.step === chosen)
  const ended = hasEnded(run)

  const choose = useCallback(
    (name: string, tab?: string) => change({ step: name, tab, payload: null, item: null, value: null }),
    [change],
  )
  const move = (by: number): void => {
    const index = run.steps.findIndex((one) => one.step === chosen)
    const next = run.steps[Math.min(run.steps.length - 1, Math.max(0, index + by))]
    if (next) choose(next.step)
  }
  useKeys({ j: () => move(1), k: () => move(-1) })

  return (
    <div className={css.runPage}>
      <header className={css.head}>
        <div className={css.titleRow}>
          <Link
            to="/runs"
            className="icon-button"
            aria-label="Back to the run log"
            title="Back to the run log"
          >
            <Icon name="left" />
          </Link>
          <h1 className="one-line">
            {run.flow} <span className="quiet">v{run.version}</span>
          </h1>
          <StatusIcon status={run.status} words healed={Boolean(run.healed_by)} />
          <span className="grow" />
          {ended ? (
            <>
              <Button
                icon="retry"
                kind={run.status === 'success' ? 'plain' : 'primary'}
                onClick={() => setDialog('retry')}
              >
                Retry
              </Button>
              <Button icon="redrive" onClick={() => setDialog('redrive')}>
                Redrive
              </Button>
            </>
          ) : (
            <Button icon="stop" onClick={() => setDialog('stop')}>
              Stop
            </Button>
          )}
          <RunMenu row={run} onRetry={() => setDialog('retry')} onStop={() => setDialog('stop')} />
        </div>
        <Facts run={run} />
      </header>
      <div className={css.columns}>
        <StepList run={run} chosen={chosen} onChoose={choose} />
        {step ? (
          <StepPanel
            key={step.step}
            run={run}
            step={step}
            tab={view.tab ?? tabToShow(step)}
            payload={view.payload}
            item={view.item}
            value={view.value}
            onTab={(tab) => change({ step: step.step, tab, payload: null, item: null, value: null })}
            onPayload={(payload) => change({ step: step.step, payload, item: null, value: null })}
          />
        ) : (
          <p className={css.inset}>
            The document of this version can no longer be read, and the run reached no step.
          </p>
        )}
      </div>
      {dialog === 'retry' && <RedriveSlot runs={[run.id]} kind="retry" onClose={() => setDialog(null)} />}
      {dialog === 'redrive' && (
        <RedriveSlot
          runs={[run.id]}
          kind="redrive"
          step={chosen}
          place="at"
          onClose={() => setDialog(null)}
        />
      )}
      {dialog === 'stop' && <StopDialog runs={[run.id]} onClose={() => setDialog(null)} />}
    </div>
  )
}

function Facts({ run }: { run: RunView }) {
  const variables = Object.entries(run.variables)
  return (
    <dl className={css.facts}>
      <Fact name="Run">
        <code>{run.id}</code>
      </Fact>
      <Fact name="Started by">{run.trigger}</Fact>
      <Fact name="Queued">
        <Time at={run.queued_at} />
      </Fact>
      <Fact name="Took">
        <Duration seconds={run.duration_s} since={hasEnded(run) ? null : run.started_at} />
      </Fact>
      {run.clock !== run.queued_at && (
        <Fact name="Clock">
          <Time at={run.clock} />
        </Fact>
      )}
      {variables.length > 0 && (
        <Fact name="Variables">
          <span className="mono">
            {variables.map(([name, value]) => `${name}=${shown(value)}`).join('  ')}
          </span>
        </Fact>
      )}
      {run.source_run && (
        <Fact name="Made from">
          <RunLink id={run.source_run} />
          {run.start_step && <> at {run.start_step}</>}
        </Fact>
      )}
      {run.parent_run && (
        <Fact name="Called by">
          <RunLink id={run.parent_run} />
        </Fact>
      )}
      {run.redrives.length > 0 && (
        <Fact name="Run again as">
          {run.redrives.slice(0, 5).map((id) => (
            <RunLink key={id} id={id} />
          ))}
          {run.redrives.length > 5 && ` and ${run.redrives.length - 5} more`}
        </Fact>
      )}
      {run.healed_by && (
        <Fact name="Made good by">
          <RunLink id={run.healed_by} />
        </Fact>
      )}
      {run.payloads_expired && <Fact name="Payloads">expired</Fact>}
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

export function RunLink({ id }: { id: string }) {
  return (
    <Link to={`/runs/${id}` as string} className={css.runLink}>
      {id}
    </Link>
  )
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
