/** The versions of a flow: compared, deployed, made the draft again, run. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import type { FlowVersionView, Json, SettingChange } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Field, Input, Select } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { useView } from '~/routes/hooks'
import css from './flow.module.css'

interface Props {
  flow: string
  hasDraft: boolean
  onRestore(version: number): void
  onDeploy(version: number): void
  onRun(version: string): void
}

export function Versions({ flow, hasDraft, onRestore, onDeploy, onRun }: Props) {
  const [view, change] = useView()
  const found = useInfiniteQuery({
    queryKey: ['flow-versions', flow],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/flows/{name}/versions', {
        path: { name: flow },
        query: { limit: 50, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the versions" />
  const versions = found.data.pages.flatMap((page) => page.items)
  if (versions.length === 0) {
    return (
      <p className={css.pad}>
        There is no version yet. Deploy the draft, or run it: that keeps it as version 1.
      </p>
    )
  }
  const deployed = versions.find((one) => one.state === 'deployed')
  const names = [...(hasDraft ? ['draft'] : []), ...versions.map((one) => String(one.number))]
  const before = view.before ?? String(deployed?.number ?? versions[0]?.number)
  const after = view.after ?? names[0] ?? ''
  return (
    <div className={css.versions}>
      <section aria-label="Versions">
        <ul className={css.versionList}>
          {versions.map((one) => (
            <VersionRow
              key={one.number}
              version={one}
              onCompare={() => change({ before: String(one.number), after: hasDraft ? 'draft' : after })}
              onRestore={() => onRestore(one.number)}
              onDeploy={() => onDeploy(one.number)}
              onRun={() => onRun(String(one.number))}
            />
          ))}
        </ul>
        {found.hasNextPage && <Button onClick={() => void found.fetchNextPage()}>More</Button>}
      </section>
      <section aria-label="Comparison" className={css.comparisonBox}>
        <div className="row">
          <h2>Compare</h2>
          <Select
            aria-label="Before"
            value={before}
            options={names}
            onChange={(next) => change({ before: next })}
          />
          <span>with</span>
          <Select
            aria-label="After"
            value={after}
            options={names}
            onChange={(next) => change({ after: next })}
          />
        </div>
        <Comparison flow={flow} before={before} after={after} />
      </section>
    </div>
  )
}

function VersionRow({
  version,
  onCompare,
  onRestore,
  onDeploy,
  onRun,
}: {
  version: FlowVersionView
  onCompare(): void
  onRestore(): void
  onDeploy(): void
  onRun(): void
}) {
  const { number, state } = version
  return (
    <li className={css.version}>
      <div className="row">
        <strong>Version {number}</strong>
        {state === 'deployed' && <span className="badge good">deployed</span>}
        <span className="quiet small">
          <Time at={version.deployed_at ?? version.created_at} relative />{' '}
          {version.deployed_by ?? version.created_by}
        </span>
      </div>
      {version.note && <p className="small">{version.note}</p>}
      <div className="row">
        <Button kind="bare" icon="diff" onClick={onCompare} aria-label={`Compare version ${number}`}>
          Compare
        </Button>
        <Button kind="bare" icon="undo" onClick={onRestore} aria-label={`Restore version ${number}`}>
          Restore
        </Button>
        {state !== 'deployed' && (
          <Button kind="bare" icon="upload" onClick={onDeploy} aria-label={`Deploy version ${number}`}>
            Deploy
          </Button>
        )}
        <Button kind="bare" icon="play" onClick={onRun} aria-label={`Run version ${number}`}>
          Run
        </Button>
      </div>
    </li>
  )
}

const SIGN = { added: '+', removed: '−', changed: '~', moved: '>' } as const

export function Comparison({ flow, before, after }: { flow: string; before?: string; after?: string }) {
  const found = useQuery({
    queryKey: ['flow-diff', flow, before, after],
    queryFn: ({ signal }) =>
      call('GET /api/v1/flows/{name}/diff', { path: { name: flow }, query: { before, after }, signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Comparing" />
  const diff = found.data
  if (diff.same) return <p className="quiet">They are the same.</p>
  return (
    <ul className={css.differences}>
      {diff.steps.map((step) => (
        <li key={`${step.step}-${step.result}`} className={css[step.result]}>
          <p>
            <b aria-hidden="true">{SIGN[step.result]}</b> <strong>{step.step}</strong>{' '}
            <span className="quiet">
              {step.shape} · {step.result}
            </span>
          </p>
          {step.moved && (
            <p className="small">
              {step.place_before} → {step.place_after}
            </p>
          )}
          <Changes changes={step.changes ?? []} />
        </li>
      ))}
      {diff.flow_changes.length > 0 && (
        <li>
          <p>
            <strong>The flow itself</strong>
          </p>
          <Changes changes={diff.flow_changes} />
        </li>
      )}
    </ul>
  )
}

function Changes({ changes }: { changes: SettingChange[] }) {
  return (
    <dl className={css.changes}>
      {changes.map((one) => (
        <div key={one.setting}>
          <dt>{one.setting}</dt>
          <dd>
            {one.kind !== 'added' && <del>{shown(one.old)}</del>}{' '}
            {one.kind !== 'removed' && <ins>{shown(one.new)}</ins>}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function shown(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function DeployDialog({
  flow,
  version,
  warnings,
  onClose,
  onDeploy,
}: {
  flow: string
  version: number | null
  warnings: readonly string[]
  onClose(): void
  onDeploy(note: string): Promise<void>
}) {
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  const go = async (): Promise<void> => {
    setBusy(true)
    await onDeploy(note)
    setBusy(false)
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={version === null ? 'Deploy the draft' : `Deploy version ${version}`}
      about="Schedules, webhooks and events run the deployed version from then on."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={busy} onClick={() => void go()}>
            Deploy
          </Button>
        </>
      }
    >
      {warnings.length > 0 && (
        <div className={css.warnings} role="alert">
          {warnings.map((one) => (
            <p key={one}>{one}</p>
          ))}
        </div>
      )}
      <Field label="Why" help="Kept with the version.">
        <Input value={note} onChange={(event) => setNote(event.target.value)} />
      </Field>
      <h3>What changes</h3>
      <Quiet flow={flow} after={version === null ? 'draft' : String(version)} />
    </Dialog>
  )
}

function Quiet({ flow, after }: { flow: string; after: string }) {
  const deployed = useQuery({
    queryKey: ['flow', flow],
    queryFn: ({ signal }) => call('GET /api/v1/flows/{name}', { path: { name: flow }, signal }),
  })
  if (deployed.isPending) return <Loading />
  if (!deployed.data || deployed.data.deployed === null) {
    return <p className="quiet">Nothing is deployed yet.</p>
  }
  return <Comparison flow={flow} before="deployed" after={after} />
}
