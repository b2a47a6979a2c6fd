/** Reads the text of a flow: plain data, where everything stands, and what is wrong with its YAML. */

import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain }
export type Path = readonly (string | number)[]

export interface Fault {
  /** Counts from 1. */
  line: number
  message: string
}

export interface Reading {
  text: string
  document: Document
  /** Null where the text cannot be read. */
  data: { [key: string]: Plain } | null
  faults: Fault[]
}

export const READ = { version: '1.2', schema: 'core', intAsBigInt: true } as const

export function read(text: string): Reading {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...READ, lineCounter: lines })
  const faults = document.errors.map((error) => ({
    line: error.linePos?.[0].line ?? lines.linePos(error.pos[0]).line,
    message: error.message.split('\n', 1)[0] ?? error.message,
  }))
  if (faults.length > 0) return { text, document, data: null, faults }
  const data = plain(document.contents as Node | null, document)
  if (!isRecord(data)) {
    const message = 'A flow is a mapping: it begins with "flow: NAME"'
    return { text, document, data: null, faults: [{ line: 1, message }] }
  }
  return { text, document, data, faults }
}

/** The data of a node. A number that JavaScript cannot hold stays its own text. */
export function plain(node: unknown, document: Document): Plain {
  if (isAlias(node)) return plain(node.resolve(document), document)
  if (isMap(node)) {
    const found: { [key: string]: Plain } = {}
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : String(pair.key)
      found[key] = plain(pair.value, document)
    }
    return found
  }
  if (isSeq(node)) return node.items.map((item) => plain(item, document))
  if (!isScalar(node)) return null
  const value = node.value
  if (typeof value === 'bigint' || typeof value === 'number') {
    const number = Number(value)
    return String(number) === (node.source ?? String(value)) ? number : (node.source ?? String(value))
  }
  return typeof value === 'string' || typeof value === 'boolean' ? value : null
}

export function isRecord(value: unknown): value is { [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What stands at a path; undefined where nothing does. */
export function at(data: Plain | undefined, path: Path): Plain | undefined {
  let found: Plain | undefined = data
  for (const part of path) {
    if (Array.isArray(found)) found = typeof part === 'number' ? found[part] : undefined
    else found = isRecord(found) ? found[String(part)] : undefined
  }
  return found
}

export function samePath(one: Path, other: Path): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index])
}

export function within(path: Path, root: Path): boolean {
  return path.length >= root.length && root.every((part, index) => part === path[index])
}

/** The line (from 1) on which a path's node begins. */
export function lineOf(reading: Reading, path: Path): number | null {
  const node = reading.document.getIn(path as (string | number)[], true) as { range?: number[] } | undefined
  const start = node?.range?.[0]
  return start === undefined ? null : reading.text.slice(0, start).split('\n').length
}
