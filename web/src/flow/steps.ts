/** What is done to steps, as changes of the text. Each gives the text and the step that is chosen then. */

import type { ShapeView } from '~/api/types'
import { changed, entryLines, insertAt, moveTo, removeAt, setAt } from './editing'
import {
  freeId,
  idsOf,
  newStep,
  type PathOf,
  type Place,
  pathTo,
  type ShapeOf,
  type Step,
  stepsOf,
} from './graphModel'
import { at, isRecord, type Path, type Plain, read, within } from './reading'

export interface Done {
  text: string
  /** The path of the step that is chosen afterwards. */
  chosen: Path | null
}

type Shapes = ReadonlyMap<string, ShapeOf>

export function add(text: string, shape: ShapeView, place: Place, shapes: Shapes): Done {
  const taken = idsOf(stepsOf(read(text).data, shapes))
  const example = shape.examples[0]?.settings
  const step = newStep(
    shape.shape,
    shape.settings_schema,
    isRecord(example as Plain) ? (example as Record<string, Plain>) : undefined,
    taken,
  )
  return { text: insertAt(text, place.list, place.index, step), chosen: [...place.list, place.index] }
}

export function remove(text: string, step: Step): Done {
  const after = removeAt(text, step.list, step.index)
  const left = at(read(after).data ?? {}, step.list)
  const index = Math.min(step.index, (Array.isArray(left) ? left.length : 0) - 1)
  return { text: after, chosen: index < 0 ? null : [...step.list, index] }
}

export function copied(text: string, step: Step): string {
  return entryLines(text, step.list, step.index)
}

/** Puts copied lines in; ids that are taken get a number. */
export function paste(text: string, lines: string, place: Place, shapes: Shapes): Done {
  const taken = idsOf(stepsOf(read(text).data, shapes))
  let fresh = `steps:\n${lines}`
  if (read(fresh).data === null || !isStepList(at(read(fresh).data ?? {}, ['steps'])))
    return { text, chosen: null }
  for (const path of idPaths(read(fresh).data?.steps ?? null, ['steps'])) {
    const id = String(at(read(fresh).data ?? {}, path))
    const free = freeId(id, taken)
    taken.add(free)
    if (free !== id) fresh = setAt(fresh, path, free)
  }
  let done = text
  const copies = at(read(fresh).data ?? {}, ['steps'])
  const many = Array.isArray(copies) ? copies.length : 0
  for (let index = 0; index < many; index++) {
    done = insertAt(done, place.list, place.index + index, { text: entryLines(fresh, ['steps'], index) })
  }
  return { text: done, chosen: [...place.list, place.index] }
}

export function duplicate(text: string, step: Step, shapes: Shapes): Done {
  return paste(text, copied(text, step), { list: step.list, index: step.index + 1 }, shapes)
}

export function move(text: string, from: { list: Path; index: number }, to: Place): Done {
  const source = [...from.list, from.index]
  if (within(to.list, source)) return { text, chosen: source }
  const id = at(read(text).data ?? {}, [...source, 'id'])
  const after = moveTo(text, from.list, from.index, to.list, to.index)
  const found = idPaths(at(read(after).data ?? {}, ['steps']) ?? null, ['steps']).find(
    (path) => at(read(after).data ?? {}, path) === id,
  )
  return { text: after, chosen: found ? found.slice(0, -1) : null }
}

export function addPath(text: string, step: Step, kind: PathOf['kind'], shapes: Shapes): string {
  const root = pathTo(step)
  if (kind === 'otherwise') return setAt(text, [...root, 'otherwise'], { steps: [] })
  if (kind !== 'path') return setAt(text, [...root, kind], [])
  const id = freeId('path', idsOf(stepsOf(read(text).data, shapes)))
  const paths = step.data.paths
  const when: { [key: string]: Plain } = step.shape === 'route' ? { when: { field: 'id', exists: true } } : {}
  return insertAt(text, [...root, 'paths'], Array.isArray(paths) ? paths.length : 0, {
    id,
    ...when,
    steps: [],
  })
}

/** A setting; one entry of a list that is set to nothing is taken out of it. */
export function set(text: string, path: Path, value: Plain | undefined): string {
  const last = path.at(-1)
  if (value === undefined && typeof last === 'number') return removeAt(text, path.slice(0, -1), last)
  // A list that lies within something that is not there yet is written as a whole.
  const parent = path.slice(0, -1)
  const data = read(text).data ?? {}
  if (typeof last === 'number' && !Array.isArray(at(data, parent))) {
    return setAt(text, parent, at(changed(data, path, value), parent) ?? null)
  }
  return setAt(text, path, value)
}

function isStepList(value: Plain | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => isRecord(one) && 'shape' in one)
}

/** The places of all ids of steps and paths. */
function idPaths(value: Plain, path: Path): Path[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => idPaths(one, [...path, index]))
  if (!isRecord(value)) return []
  const own = 'id' in value ? [[...path, 'id']] : []
  return [
    ...own,
    ...['steps', 'paths', 'otherwise', 'catch'].flatMap((name) => {
      const inner = value[name]
      return inner === undefined ? [] : idPaths(inner, [...path, name])
    }),
  ]
}
