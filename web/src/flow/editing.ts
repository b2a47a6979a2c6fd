/** Changes the text of a flow where a change is meant, and nowhere else: comments, blanks and the spelling
 * of all other lines stay. Each change is checked against the data that it should give; where lines cannot
 * be changed so, the whole document is written from its nodes, which still keeps comments.
 */

import { isCollection, isMap, isSeq, type Node, type Pair, Scalar, type YAMLMap, type YAMLSeq } from 'yaml'
import { at, isRecord, type Path, type Plain, plain, type Reading, read, within } from './reading'
import { dedented, entryText, flowText, indented, pairText, WRITE } from './writing'

type Ranged = { range?: [number, number, number] | null }
type Entry = Pair<Scalar, Node | null>

const STAND_IN = 'the-place-of-an-entry'
const STEP = ['id', 'shape', 'name', 'note', 'skip', '', 'paths', 'otherwise', 'steps', 'catch']
const FLOW = ['flow', 'description', 'variables', 'triggers', 'settings', 'steps', 'tests', '']

/** Sets what stands at a path; undefined takes it away. Mappings on the way are made. */
export function setAt(text: string, path: Path, value: Plain | undefined): string {
  const reading = read(text)
  const expected = changed(reading.data ?? {}, path, value)
  const quick = quickSet(reading, path, value, expected)
  if (quick !== null && same(quick, expected)) return quick
  const slow = read(text).document
  if (value === undefined) slow.deleteIn(path as (string | number)[])
  else slow.setIn(path as (string | number)[], slow.createNode(value))
  return slow.toString(WRITE)
}

/** Puts an entry into a list, which is made where there is none. `entry`: a value, or the text `- …`. */
export function insertAt(text: string, list: Path, index: number, entry: Plain | { text: string }): string {
  const reading = read(text)
  const lines = isText(entry) ? entry.text.replace(/\s+$/, '') : entryText(entry)
  const value = isText(entry) ? entryOf(entry.text) : entry
  const there = at(reading.data ?? {}, list)
  const items = Array.isArray(there) ? [...there] : []
  items.splice(index, 0, value)
  const seq = nodeAt(reading, list)
  if (isSeq(seq) && !seq.flow && seq.items.length > 0 && !flowAbove(reading, list)) {
    const done = insertedLines(reading, seq, index, lines)
    if (same(done, changed(reading.data ?? {}, list, items))) return done
  }
  if (isText(entry) && !flowAbove(reading, list)) {
    // Into an empty list: first a stand-in, then the very lines in its place.
    const stand = setAt(text, list, [STAND_IN])
    const found = new RegExp(`^( *)- ${STAND_IN}$`, 'm')
    const placed = stand.replace(found, (_, blanks: string) => indented(lines, blanks.length))
    if (same(placed, changed(reading.data ?? {}, list, items))) return placed
  }
  return setAt(text, list, items)
}

export function removeAt(text: string, list: Path, index: number): string {
  const reading = read(text)
  const there = at(reading.data ?? {}, list)
  const items = Array.isArray(there) ? there.filter((_, n) => n !== index) : []
  const seq = nodeAt(reading, list)
  if (isSeq(seq) && !seq.flow && seq.items.length > 1) {
    const [start, end] = region(text, seq, index)
    const done = text.slice(0, start) + text.slice(Math.min(text.length, end + 1))
    if (same(done, changed(reading.data ?? {}, list, items))) return done
  }
  return setAt(text, list, items)
}

/** The lines of a list's entry, comments above it included, as they would stand at the left margin. */
export function entryLines(text: string, list: Path, index: number): string {
  const reading = read(text)
  const seq = nodeAt(reading, list)
  if (isSeq(seq) && !seq.flow && !flowAbove(reading, list)) {
    const [start, end] = region(text, seq, index)
    return dedented(text.slice(start, end), dashColumn(text, seq.items[index] as Ranged))
  }
  return entryText(at(reading.data ?? {}, [...list, index]) ?? null)
}

/** Takes an entry to another place, of its own list or another; the place counts before it is taken away. */
export function moveTo(text: string, from: Path, fromIndex: number, to: Path, toIndex: number): string {
  if (within(to, [...from, fromIndex])) return text
  const lines = entryLines(text, from, fromIndex)
  const sameList = to.length === from.length && within(to, from)
  if (sameList && (toIndex === fromIndex || toIndex === fromIndex + 1)) return text
  const target = to.map((part, n) =>
    n === from.length && within(to, from) && typeof part === 'number' && part > fromIndex ? part - 1 : part,
  )
  const index = sameList && toIndex > fromIndex ? toIndex - 1 : toIndex
  return insertAt(removeAt(text, from, fromIndex), target, index, { text: lines })
}

function quickSet(reading: Reading, path: Path, value: Plain | undefined, expected: Plain): string | null {
  const { text } = reading
  const parentPath = path.slice(0, -1)
  const key = path.at(-1)
  const flow = flowAbove(reading, path)
  if (flow !== null) return flowSet(reading, flow, path, value)
  const parent = nodeAt(reading, parentPath)
  if (!isMap(parent)) {
    if (isSeq(parent)) return null
    const missing = at(expected, parentPath)
    return parentPath.length > 0 && missing !== undefined ? setAt(text, parentPath, missing) : null
  }
  const pairs = parent.items as Entry[]
  const pair = pairs.find((one) => String(one.key.source ?? one.key.value) === String(key))
  if (pair !== undefined && value !== undefined) return replaced(text, pair, value)
  if (pair !== undefined) {
    if (pairs.length === 1) return parentPath.length > 0 ? setAt(text, parentPath, undefined) : null
    const start = lineStart(text, begins(pair.key))
    const end = Math.min(text.length, lineEnd(text, pairEnd(pair)) + 1)
    if (/^ *- /.test(text.slice(start))) return null
    return text.slice(0, start) + text.slice(end)
  }
  if (value === undefined) return text
  return added(text, parent as YAMLMap, String(key), value)
}

function replaced(text: string, pair: Entry, value: Plain): string {
  const start = begins(pair.key)
  const key = text.slice(start, pair.key.range?.[1] ?? start)
  const name = /^[a-z]\w*$/i.test(key) ? key : 'k' // how a value is written depends on its name
  const lines = pairText(name, value).slice(name.length)
  const column = start - lineStart(text, start)
  return text.slice(0, start) + key + indented(lines, column, false) + text.slice(pairEnd(pair))
}

function added(text: string, parent: YAMLMap, key: string, value: Plain): string | null {
  const pairs = parent.items as Entry[]
  const last = pairs.at(-1)
  if (last === undefined) return null
  const names = pairs.map((one) => String(one.key.value))
  const order = names.includes('shape') ? STEP : names.includes('flow') ? FLOW : ['']
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.indexOf(''))
  const before = pairs.filter((one) => rank(String(one.key.value)) <= rank(key)).at(-1) ?? last
  const column = begins(before.key) - lineStart(text, begins(before.key))
  const end = lineEnd(text, pairEnd(before))
  return `${text.slice(0, end)}\n${indented(pairText(key, value), column)}${text.slice(end)}`
}

/** Within brackets the outermost of them is written anew. */
function flowSet(reading: Reading, flow: Path, path: Path, value: Plain | undefined): string | null {
  const document = reading.document
  const node = nodeAt(reading, flow) as Node & Ranged
  const [start, end] = node.range ?? [0, 0]
  const parts = path as (string | number)[]
  if (flow.length === path.length) {
    if (value === undefined) return null
    const holder = nodeAt(reading, flow.slice(0, -1))
    if (!isMap(holder)) return null
    const pair = (holder.items as Entry[]).find((one) => String(one.key.value) === String(flow.at(-1)))
    return pair === undefined ? null : replaced(reading.text, pair, value)
  }
  if (value === undefined) document.deleteIn(parts)
  else document.setIn(parts, document.createNode(value, { flow: true }))
  if (isCollection(node)) node.flow = true
  return reading.text.slice(0, start) + flowText(node) + reading.text.slice(end)
}

/** The outermost collection in brackets on the way to a path, itself included. */
function flowAbove(reading: Reading, path: Path): Path | null {
  for (let length = 0; length <= path.length; length++) {
    const node = nodeAt(reading, path.slice(0, length))
    if (isCollection(node) && node.flow) {
      return length === path.length ? null : path.slice(0, length)
    }
  }
  return null
}

function insertedLines(reading: Reading, seq: YAMLSeq, index: number, lines: string): string {
  const { text } = reading
  const column = dashColumn(text, seq.items[0] as Ranged)
  const block = indented(lines, column)
  if (index < seq.items.length) {
    const [start] = region(text, seq, index)
    return `${text.slice(0, start)}${block}\n${text.slice(start)}`
  }
  const [, end] = region(text, seq, seq.items.length - 1)
  return `${text.slice(0, end)}\n${block}${text.slice(end)}`
}

/** From the first comment line above an entry to the end of its last line. */
function region(text: string, seq: YAMLSeq, index: number): [number, number] {
  const item = seq.items[index] as Node & Ranged
  const column = dashColumn(text, item)
  let start = lineStart(text, dash(text, item))
  while (start > 0) {
    const above = lineStart(text, start - 1)
    if (text.slice(above, start - 1).search(/#/) !== column || !/^ *#/.test(text.slice(above, start - 1)))
      break
    start = above
  }
  return [start, lineEnd(text, ends(item))]
}

function dash(text: string, item: Ranged): number {
  return text.lastIndexOf('-', (item.range?.[0] ?? 1) - 1)
}

function dashColumn(text: string, item: Ranged): number {
  const position = dash(text, item)
  return position - lineStart(text, position)
}

function begins(node: Ranged): number {
  return node.range?.[0] ?? 0
}

/** Where the last thing of a node ends, blanks and comments after it left out. */
function ends(node: unknown): number {
  if (isCollection(node) && !node.flow && node.items.length > 0) {
    const last = node.items.at(-1)
    return isMap(node) ? pairEnd(last as Entry) : ends(last)
  }
  const end = (node as Ranged).range?.[1] ?? 0
  // The range of a block text holds the line end after it.
  return node instanceof Scalar && /^BLOCK/.test(node.type ?? '') ? end - 1 : end
}

function pairEnd(pair: Entry): number {
  const value = pair.value as (Node & Ranged) | null
  if (value === null || (value instanceof Scalar && value.source === ''))
    return (pair.key.range?.[1] ?? 0) + 1
  return Math.max(ends(value), (pair.key.range?.[1] ?? 0) + 1)
}

function lineStart(text: string, position: number): number {
  return text.lastIndexOf('\n', position - 1) + 1
}

function lineEnd(text: string, position: number): number {
  const found = text.indexOf('\n', position)
  return found < 0 ? text.length : found
}

function nodeAt(reading: Reading, path: Path): unknown {
  return path.length === 0
    ? reading.document.contents
    : reading.document.getIn(path as (string | number)[], true)
}

/** The data with one place changed; the data itself stays. */
export function changed(data: Plain, path: Path, value: Plain | undefined): Plain {
  const [first, ...rest] = path
  if (first === undefined) return value ?? null
  if (Array.isArray(data)) {
    const items = [...data]
    if (rest.length === 0 && value === undefined) items.splice(Number(first), 1)
    else items[Number(first)] = changed(items[Number(first)] ?? {}, rest, value)
    return items
  }
  const record = isRecord(data) ? { ...data } : {}
  if (rest.length === 0 && value === undefined) delete record[String(first)]
  else record[String(first)] = changed(record[String(first)] ?? {}, rest, value)
  return record
}

function same(text: string, expected: Plain): boolean {
  const reading = read(text)
  return reading.data !== null && sorted(reading.data) === sorted(expected)
}

function sorted(value: Plain): string {
  return JSON.stringify(value, (_key, one: Plain) =>
    isRecord(one) ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one,
  )
}

function isText(entry: Plain | { text: string }): entry is { text: string } {
  return isRecord(entry) && Object.keys(entry).length === 1 && typeof entry.text === 'string'
}

function entryOf(text: string): Plain {
  const { document } = read(text)
  const found = plain(document.contents, document)
  return Array.isArray(found) ? (found[0] ?? null) : found
}
