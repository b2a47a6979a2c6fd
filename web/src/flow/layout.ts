/** Where everything of a flow stands on the canvas: the tree from top to bottom, paths beside each other. */

import type { PathOf, Place, Step } from './graphModel'

export const SIZE = { width: 236, height: 66, gap: 46, between: 40, head: 30, join: 14 } as const

export interface Box {
  id: string
  kind: 'start' | 'step' | 'path' | 'join' | 'end'
  x: number
  y: number
  width: number
  height: number
  step?: Step
  path?: PathOf
}

export interface Line {
  id: string
  from: string
  to: string
  /** Where a step goes that is put on this line; none on lines from a step to its paths. */
  place?: Place
  /** Where its `+` stands. */
  x: number
  y: number
}

export interface Layout {
  boxes: Box[]
  lines: Line[]
  width: number
  height: number
}

export function layout(steps: readonly Step[]): Layout {
  const made: Layout = { boxes: [], lines: [], width: listWidth(steps), height: 0 }
  const middle = made.width / 2
  const start: Box = { id: 'start', kind: 'start', ...box(middle, 0, 190, 40) }
  made.boxes.push(start)
  const end = drawList(made, steps, ['steps'], middle, start)
  const last: Box = { id: 'end', kind: 'end', ...box(middle, bottom(end) + SIZE.gap, 60, 26) }
  made.boxes.push(last)
  made.lines.push(line(end, last, { list: ['steps'], index: steps.length }))
  made.height = bottom(last)
  return made
}

/** Draws a list below a box; gives the box from which what follows goes on. */
function drawList(
  made: Layout,
  steps: readonly Step[],
  list: Place['list'],
  middle: number,
  above: Box,
): Box {
  let from = above
  for (const [index, step] of steps.entries()) {
    const id = boxId(step, list, index)
    const drawn: Box = {
      id,
      kind: 'step',
      step,
      ...box(middle, bottom(from) + SIZE.gap, SIZE.width, SIZE.height),
    }
    made.boxes.push(drawn)
    made.lines.push(line(from, drawn, { list, index }))
    from = step.paths.length > 0 ? drawPaths(made, step, drawn, middle) : drawn
  }
  return from
}

function drawPaths(made: Layout, step: Step, owner: Box, middle: number): Box {
  const widths = step.paths.map((path) => listWidth(path.steps))
  let left = middle - span(widths) / 2
  const ends: { end: Box; path: PathOf }[] = []
  for (const [index, path] of step.paths.entries()) {
    const width = widths[index] ?? SIZE.width
    const centre = left + width / 2
    const head: Box = {
      id: `${owner.id}/${index}`,
      kind: 'path',
      path,
      step,
      ...box(centre, bottom(owner) + SIZE.gap, SIZE.width - 40, SIZE.head),
    }
    made.boxes.push(head)
    made.lines.push({ ...line(owner, head), place: undefined })
    ends.push({ end: drawList(made, path.steps, path.list, centre, head), path })
    left += width + SIZE.between
  }
  const y = Math.max(...ends.map(({ end }) => bottom(end))) + SIZE.gap
  const join: Box = { id: `${owner.id}/join`, kind: 'join', step, ...box(middle, y, SIZE.join, SIZE.join) }
  made.boxes.push(join)
  for (const { end, path } of ends) {
    made.lines.push(line(end, join, { list: path.list, index: path.steps.length }))
  }
  return join
}

function listWidth(steps: readonly Step[]): number {
  return Math.max(SIZE.width, ...steps.map((step) => span(step.paths.map((path) => listWidth(path.steps)))))
}

function span(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + Math.max(0, widths.length - 1) * SIZE.between
}

function box(middle: number, y: number, width: number, height: number) {
  return { x: middle - width / 2, y, width, height }
}

function bottom(one: Box): number {
  return one.y + one.height
}

function line(from: Box, to: Box, place?: Place): Line {
  return {
    id: `${from.id}>${to.id}`,
    from: from.id,
    to: to.id,
    place,
    x: from.x + from.width / 2,
    y: bottom(from) + SIZE.gap / 2,
  }
}

/** A step whose id is missing, or stands twice, has a box of its own all the same. */
function boxId(step: Step, list: Place['list'], index: number): string {
  return `step:${[...list, index].join('.')}:${step.id}`
}

/** The line on whose `+` something was let go, or that is nearest to it. */
export function nearest(lines: readonly Line[], x: number, y: number): Line | null {
  let best: Line | null = null
  let least = Number.POSITIVE_INFINITY
  for (const one of lines) {
    if (one.place === undefined) continue
    const distance = Math.hypot(one.x - x, one.y - y)
    if (distance < least) [best, least] = [one, distance]
  }
  return best
}

/** Where an arrow key leads from a step: along the document, or to the path beside. */
export function neighbour(made: Layout, id: string, key: string): Box | null {
  const steps = made.boxes.filter((one) => one.kind === 'step')
  const from = steps.find((one) => one.id === id)
  if (from === undefined) return steps[0] ?? null
  let best: Box | null = null
  let least = Number.POSITIVE_INFINITY
  for (const one of steps) {
    if (one === from) continue
    const dx = middleOf(one) - middleOf(from)
    const dy = one.y - from.y
    const upright = key === 'ArrowUp' || key === 'ArrowDown'
    const ahead = key === 'ArrowUp' ? -dy : key === 'ArrowDown' ? dy : key === 'ArrowLeft' ? -dx : dx
    if (ahead <= 0) continue
    const distance = upright ? ahead + Math.abs(dx) * 0.4 : ahead + Math.abs(dy) * 6
    if (distance < least) [best, least] = [one, distance]
  }
  return best
}

function middleOf(one: Box): number {
  return one.x + one.width / 2
}
