/** The canvas: the flow's tree, drawn from its layout. Fetched when a flow is first opened. */

import '@xyflow/react/dist/base.css'
import {
  Background,
  BaseEdge,
  Controls,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  getSmoothStepPath,
  type Node,
  type NodeTypes,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from '@xyflow/react'
import { type DragEvent, useEffect, useMemo, useState } from 'react'
import type { ProblemView, StepRunView } from '~/api/types'
import { Icon } from '~/components/Icon'
import { BoxNode, type CanvasActs, type Drawn, Shared } from './boxes'
import css from './flow.module.css'
import type { Place, Step } from './graphModel'
import { pathTo } from './graphModel'
import { type Layout, type Line, nearest, neighbour } from './layout'
import { samePath } from './reading'

export const SHAPE_TYPE = 'application/x-redrive-shape'
export const STEP_TYPE = 'application/x-redrive-step'

export interface CanvasProps extends CanvasActs {
  made: Layout
  name: string
  triggers: string
  selected: Step | null
  problems: ReadonlyMap<string, ProblemView[]>
  ran: ReadonlyMap<string, StepRunView>
  onDropShape(shape: string, place: Place): void
  onMove(step: { list: Place['list']; index: number }, place: Place): void
  onAskAt(place: Place): void
  keys: Record<string, () => void>
}

type LineEdge = Edge<{ line: Line; near: boolean; onAsk(place: Place): void }, 'line'>

const NODES: NodeTypes = { box: BoxNode }
const EDGES = { line: LineView }

export default function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Drawing {...props} />
    </ReactFlowProvider>
  )
}

function Drawing(props: CanvasProps) {
  const { made, selected } = props
  const flow = useReactFlow()
  const [near, setNear] = useState<Line | null>(null)
  const nodes = useMemo<Node<Drawn>[]>(
    () =>
      made.boxes.map((box) => ({
        id: box.id,
        type: 'box',
        position: { x: box.x, y: box.y },
        width: box.width,
        height: box.height,
        className: 'nopan',
        style: { pointerEvents: 'all' },
        data: { box },
      })),
    [made],
  )
  const { onAskAt } = props
  const edges = useMemo<LineEdge[]>(
    () =>
      made.lines.map((line) => ({
        id: line.id,
        source: line.from,
        target: line.to,
        type: 'line',
        data: { line, near: line === near, onAsk: onAskAt },
      })),
    [made, near, onAskAt],
  )
  const chosen = made.boxes.find(
    (box) =>
      box.kind === 'step' &&
      selected !== null &&
      box.step !== undefined &&
      samePath(pathTo(box.step), pathTo(selected)),
  )
  const chosenId = chosen?.id ?? ''
  // biome-ignore lint/correctness/useExhaustiveDependencies: a step that is chosen comes into view once
  useEffect(() => {
    if (chosen === undefined) return
    const { x, y, zoom } = flow.getViewport()
    const pane = document.querySelector('.react-flow')?.getBoundingClientRect()
    if (!pane) return
    const left = chosen.x * zoom + x
    const top = chosen.y * zoom + y
    const seen =
      left >= 0 &&
      top >= 0 &&
      left + chosen.width * zoom <= pane.width &&
      top + chosen.height * zoom <= pane.height
    if (!seen) {
      void flow.setCenter(chosen.x + chosen.width / 2, chosen.y + chosen.height / 2, { zoom, duration: 150 })
    }
  }, [chosenId])

  const over = (event: DragEvent): void => {
    const types = event.dataTransfer.types
    if (!types.includes(SHAPE_TYPE) && !types.includes(STEP_TYPE)) return
    event.preventDefault()
    const point = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY })
    setNear(nearest(made.lines, point.x, point.y))
  }
  const drop = (event: DragEvent): void => {
    const point = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY })
    const place = nearest(made.lines, point.x, point.y)?.place
    setNear(null)
    if (place === undefined) return
    event.preventDefault()
    const shape = event.dataTransfer.getData(SHAPE_TYPE)
    if (shape) props.onDropShape(shape, place)
    const step = event.dataTransfer.getData(STEP_TYPE)
    if (step) props.onMove(JSON.parse(step) as Place, place)
  }
  const press = (event: React.KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (event.key.startsWith('Arrow')) {
      const to = neighbour(made, chosenId, event.key)
      event.preventDefault()
      if (to?.step) props.onSelect(to.step, true)
      return
    }
    const act = props.keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  }

  return (
    <Shared.Provider
      value={{
        name: props.name,
        triggers: props.triggers,
        chosen: chosenId,
        problems: props.problems,
        ran: props.ran,
        onSelect: props.onSelect,
        onStart: props.onStart,
        onPath: props.onPath,
      }}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: keys of the steps within */}
      <div
        className={css.canvas}
        onDragOver={over}
        onDragLeave={() => setNear(null)}
        onDrop={drop}
        onKeyDown={press}
      >
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={NODES}
          edgeTypes={EDGES}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          deleteKeyCode={null}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          panActivationKeyCode={null}
          disableKeyboardA11y
          zoomOnDoubleClick={false}
          panOnScroll
          minZoom={0.15}
          maxZoom={1.5}
          onInit={(view) => void view.fitView({ maxZoom: 1, padding: 0.12 })}
          aria-label={`Canvas of ${props.name}`}
        >
          <Background gap={22} size={1.2} color="var(--line)" />
          <Controls showInteractive={false} position="bottom-left" />
        </ReactFlow>
      </div>
    </Shared.Provider>
  )
}

function LineView({ id, sourceX, sourceY, targetX, targetY, data }: EdgeProps<LineEdge>) {
  const [path] = getSmoothStepPath({ sourceX, sourceY, targetX, targetY, borderRadius: 10 })
  const line = data?.line
  return (
    <>
      <BaseEdge id={id} path={path} className={data?.near ? css.lineNear : css.line} />
      {line?.place && (
        <EdgeLabelRenderer>
          <button
            type="button"
            className={`${css.plus} ${data?.near ? css.plusNear : ''} nopan`}
            style={{ transform: `translate(-50%, -50%) translate(${line.x}px, ${line.y}px)` }}
            aria-label={`Add a step ${whereOf(line)}`}
            title="Add a step here"
            onClick={() => line.place && data?.onAsk(line.place)}
          >
            <Icon name="plus" size={14} />
          </button>
        </EdgeLabelRenderer>
      )}
    </>
  )
}

function whereOf(line: Line): string {
  const name = (id: string): string => id.split(':').at(-1) ?? id
  if (line.from === 'start') return 'at the start'
  if (line.from.endsWith('/join')) return `after ${name(line.from.slice(0, -5))}`
  if (!line.from.includes('/')) return `after ${name(line.from)}`
  return `at the start of path ${Number(line.from.split('/').at(-1)) + 1} of ${name(line.from.split('/')[0] ?? '')}`
}
