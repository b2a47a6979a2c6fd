/** What stands on the canvas: the start, steps, heads of paths, joins, the end. */

import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import { createContext, useContext, useEffect, useRef } from 'react'
import type { ProblemView, StepRunView } from '~/api/types'
import { plural } from '~/components/format'
import { Icon, type IconName } from '~/components/Icon'
import { StatusIcon } from '~/components/StatusIcon'
import css from './flow.module.css'
import type { PathOf, Step } from './graphModel'
import type { Box } from './layout'
import { summary, whenText } from './words'

export interface CanvasActs {
  onSelect(step: Step, focus?: boolean): void
  onStart(): void
  onPath(step: Step, path: PathOf): void
}

interface SharedState extends CanvasActs {
  name: string
  triggers: string
  chosen: string
  problems: ReadonlyMap<string, ProblemView[]>
  ran: ReadonlyMap<string, StepRunView>
}

export const Shared = createContext<SharedState>({
  name: '',
  triggers: '',
  chosen: '',
  problems: new Map(),
  ran: new Map(),
  onSelect: () => {},
  onStart: () => {},
  onPath: () => {},
})

export type Drawn = { box: Box } & Record<string, unknown>

const ICONS: Record<string, IconName> = {
  connector: 'plug',
  filter: 'filter',
  map: 'edit',
  flow_control: 'queue',
  split: 'diff',
  merge: 'link',
  convert: 'redo',
  route: 'flow',
  branch: 'flow',
  try: 'bang',
  assert: 'check',
  manual_payload: 'book',
  script: 'keyboard',
  set_variables: 'table',
  dedupe: 'pool',
  track: 'pin',
  add_to_cache: 'cache',
  load_from_cache: 'cache',
  notify: 'bell',
  run_flow: 'play',
  wait: 'clock',
  callback: 'out',
}

export function shapeIcon(shape: string): IconName {
  return ICONS[shape] ?? 'cog'
}

export function BoxNode({ data }: NodeProps<Node<Drawn>>) {
  const { box } = data
  return (
    <>
      {box.kind !== 'start' && <Handle type="target" position={Position.Top} isConnectable={false} />}
      <Inside box={box} />
      {box.kind !== 'end' && <Handle type="source" position={Position.Bottom} isConnectable={false} />}
    </>
  )
}

function Inside({ box }: { box: Box }) {
  const shared = useContext(Shared)
  if (box.kind === 'start') {
    return (
      <button type="button" className={css.start} onClick={shared.onStart}>
        <Icon name="play" size={14} /> <span className="one-line">{shared.triggers}</span>
      </button>
    )
  }
  if (box.kind === 'end') return <div className={css.end}>End</div>
  if (box.kind === 'join') return <div className={css.join} />
  if (box.kind === 'path' && box.path && box.step) {
    const { path, step } = box
    const when = whenText(path.when)
    return (
      <button type="button" className={css.path} title={when} onClick={() => shared.onPath(step, path)}>
        <strong>{path.label}</strong> {when && <span className="one-line">{when}</span>}
      </button>
    )
  }
  return box.step ? <StepBox step={box.step} chosen={shared.chosen === box.id} /> : null
}

function StepBox({ step, chosen }: { step: Step; chosen: boolean }) {
  const { problems, ran, onSelect } = useContext(Shared)
  const button = useRef<HTMLButtonElement>(null)
  const wrong = problems.get(step.id) ?? []
  const run = ran.get(step.id)
  useEffect(() => {
    if (chosen && document.activeElement?.closest('.react-flow'))
      button.current?.focus({ preventScroll: true })
  }, [chosen])
  const out = run?.counts?.payloads_out ?? 0
  const failed = run?.counts?.failed_payloads ?? 0
  const classes = [css.step, chosen && css.chosen, step.skip && css.skipped, wrong.length > 0 && css.wrong]
  return (
    <button
      type="button"
      ref={button}
      className={classes.filter(Boolean).join(' ')}
      data-step={step.id}
      aria-pressed={chosen}
      tabIndex={0}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.setData(
          'application/x-redrive-step',
          JSON.stringify({ list: step.list, index: step.index }),
        )
        event.dataTransfer.effectAllowed = 'move'
      }}
      onClick={() => onSelect(step)}
    >
      <span className={css.shapeIcon}>
        <Icon name={shapeIcon(step.shape)} />
      </span>
      <span className={css.stepText}>
        <span className={`${css.stepName} one-line`}>{step.name || step.id}</span>
        <span className={`${css.stepAbout} one-line`}>{summary(step)}</span>
      </span>
      {step.skip && <span className="badge warn">Skipped</span>}
      {wrong.length > 0 && (
        <span className={css.mark} title={wrong.map((one) => one.title).join('\n')}>
          <Icon name="warning" size={16} label={plural(wrong.length, 'problem')} />
        </span>
      )}
      {run && (
        <span className={css.ran}>
          <StatusIcon status={run.status} healed={Boolean(run.healed_by)} />
          {run.status !== 'pending' && (
            <span className={css.counts}>
              {plural(out, 'payload')}
              {failed > 0 && <b> · {failed} failed</b>}
            </span>
          )}
        </span>
      )}
    </button>
  )
}
