/** A flow's document as a tree of steps, and what may be done with it. */

import { at, isRecord, type Path, type Plain } from './reading'

/** What the canvas must know of a shape. */
export interface ShapeOf {
  shape: string
  group: string
  summary: string
  owns_steps: string[]
  package: string
}

export interface Step {
  id: string
  shape: string
  name: string
  note: string
  skip: boolean
  /** The list that it stands in, and its place there. */
  list: Path
  index: number
  paths: PathOf[]
  data: { [key: string]: Plain }
}

/** A list of steps that a step owns. */
export interface PathOf {
  kind: 'path' | 'otherwise' | 'steps' | 'catch'
  label: string
  /** Where its steps stand in the document. */
  list: Path
  when: Plain
  steps: Step[]
}

export interface Place {
  list: Path
  index: number
}

export function stepsOf(data: Plain, shapes: ReadonlyMap<string, ShapeOf>, list: Path = ['steps']): Step[] {
  const found = at(data, list)
  if (!Array.isArray(found)) return []
  return found.map((one, index) => {
    const step = isRecord(one) ? one : {}
    const shape = text(step.shape)
    return {
      id: text(step.id),
      shape,
      name: text(step.name),
      note: text(step.note),
      skip: step.skip === true,
      list,
      index,
      paths: pathsOf(data, [...list, index], step, shapes),
      data: step,
    }
  })
}

function pathsOf(
  data: Plain,
  path: Path,
  step: { [key: string]: Plain },
  shapes: ReadonlyMap<string, ShapeOf>,
): PathOf[] {
  const owns = shapes.get(text(step.shape))?.owns_steps ?? []
  return owns.flatMap((place): PathOf[] => {
    const [first = '', rest] = place.split('.')
    if (first.endsWith('[]')) {
      const name = first.slice(0, -2)
      const entries = step[name]
      if (!Array.isArray(entries)) return []
      return entries.map((entry, index) => {
        const one = isRecord(entry) ? entry : {}
        const list = [...path, name, index, rest ?? 'steps']
        const steps = stepsOf(data, shapes, list)
        return {
          kind: 'path',
          label: text(one.id) || `path ${index + 1}`,
          list,
          when: one.when ?? null,
          steps,
        }
      })
    }
    if (step[first] === undefined && first !== 'steps') return []
    const list = rest === undefined ? [...path, first] : [...path, first, rest]
    const kind = first === 'otherwise' || first === 'catch' ? first : 'steps'
    const label = kind === 'steps' ? 'try' : kind
    return [{ kind, label, list, when: null, steps: stepsOf(data, shapes, list) }]
  })
}

/** All steps in the order of the document. */
export function walk(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => [step, ...step.paths.flatMap((path) => walk(path.steps))])
}

export function pathTo(step: Pick<Step, 'list' | 'index'>): Path {
  return [...step.list, step.index]
}

/** The step before which in the run hands this one its bucket; null at the start. */
export function before(steps: readonly Step[], id: string, above: Step | null = null): Step | null {
  for (const [index, step] of steps.entries()) {
    const previous = steps[index - 1] ?? above
    if (step.id === id) return previous
    for (const path of step.paths) {
      const found = before(path.steps, id, previous)
      if (found !== null || path.steps[0]?.id === id) return found
    }
  }
  return null
}

/** An id like this one that no step and no path has. */
export function freeId(like: string, taken: ReadonlySet<string>): string {
  const base = like.replaceAll('_', '-') || 'step'
  if (!taken.has(base)) return base
  const stem = base.replace(/-\d+$/, '')
  for (let number = 2; ; number++) {
    if (!taken.has(`${stem}-${number}`)) return `${stem}-${number}`
  }
}

export function idsOf(steps: readonly Step[]): Set<string> {
  const found = new Set<string>()
  for (const step of walk(steps)) {
    found.add(step.id)
    for (const path of step.paths) if (path.kind === 'path') found.add(path.label)
  }
  return found
}

/** What a new step begins with: its id, its shape, and what it cannot be without. */
export function newStep(
  shape: string,
  schema: Record<string, unknown>,
  example: Record<string, Plain> | undefined,
  taken: ReadonlySet<string>,
): { [key: string]: Plain } {
  const id = freeId(shape, taken)
  const step: { [key: string]: Plain } = { id, shape }
  if (shape === 'try') return { ...step, steps: [], catch: [] }
  if (shape === 'branch' || shape === 'route') {
    const used = new Set([...taken, id])
    const one = freeId('path-1', used)
    const two = freeId('path-2', new Set([...used, one]))
    const path = (name: string): Plain =>
      shape === 'route'
        ? { id: name, when: { field: 'id', exists: true }, steps: [] }
        : { id: name, steps: [] }
    return { ...step, paths: [path(one), path(two)] }
  }
  const properties = isRecord(schema.properties as Plain) ? (schema.properties as Record<string, Plain>) : {}
  for (const name of (schema.required as string[] | undefined) ?? []) {
    const given = example?.[name]
    step[name] = shape === 'connector' ? '' : (given ?? blank(properties[name]))
  }
  if (shape === 'filter') step.keep = { field: 'id', exists: true }
  return step
}

function blank(schema: Plain | undefined): Plain {
  const type = isRecord(schema) ? schema.type : undefined
  if (type === 'array') return []
  if (type === 'object') return {}
  if (type === 'integer' || type === 'number') return 0
  return type === 'boolean' ? false : ''
}

function text(value: Plain | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}
