/** Values as YAML text, in the style of the documentation: what is small stands on one line. */

import { Document, isCollection, isMap, isScalar, type Node } from 'yaml'
import { type Plain, READ } from './reading'

export const WRITE = { lineWidth: 0, flowCollectionPadding: false } as const

const ONE_LINE = 76
/** These hold steps or grow long: each entry begins a line of its own. */
const LONG = new Set(['steps', 'catch', 'paths', 'otherwise', 'variables', 'triggers', 'fields'])

/** `key: value`, without indentation before its first line and without a newline at its end. */
export function pairText(key: string, value: Plain): string {
  return text({ [key]: value })
}

/** A list entry, `- …`. */
export function entryText(value: Plain): string {
  return text([value])
}

/** A value on one line, as it stands within brackets. */
export function flowText(node: Node): string {
  const document = new Document(null, READ)
  document.contents = node as never
  return document.toString(WRITE).trimEnd()
}

function text(value: Plain): string {
  const document = new Document(value, { ...READ, aliasDuplicateObjects: false })
  style(document.contents, '', true)
  return document.toString(WRITE).trimEnd()
}

function style(node: unknown, key: string, top: boolean): void {
  if (!isCollection(node)) {
    if (isScalar(node) && typeof node.value === 'string' && node.value.includes('\n'))
      node.type = 'BLOCK_LITERAL'
    return
  }
  const isStep = isMap(node) && node.has('shape') && node.has('id')
  const short = JSON.stringify(node.toJSON()).length <= ONE_LINE && !deep(node)
  node.flow = node.items.length === 0 || (!top && !isStep && !LONG.has(key) && short)
  for (const item of node.items) {
    if (isMap(node)) {
      const pair = item as { key: unknown; value: unknown }
      style(pair.value, isScalar(pair.key) ? String(pair.key.value) : '', false)
    } else style(item, '', top && false)
  }
}

/** Text of several lines cannot stand within brackets, and steps shall not. */
function deep(node: unknown): boolean {
  if (isScalar(node)) return typeof node.value === 'string' && node.value.includes('\n')
  if (!isCollection(node)) return false
  return node.items.some((item) => {
    const inner = isMap(node) ? (item as { value: unknown }).value : item
    return deep(inner) || (isMap(inner) && inner.has('shape'))
  })
}

/** Moves lines to the right, all but those that are empty. */
export function indented(lines: string, by: number, first = true): string {
  const space = ' '.repeat(by)
  return lines
    .split('\n')
    .map((line, index) => (line === '' || (index === 0 && !first) ? line : space + line))
    .join('\n')
}

/** Moves lines to the left, as far as they have blanks. */
export function dedented(lines: string, by: number): string {
  const blanks = new RegExp(`^ {0,${by}}`)
  return lines
    .split('\n')
    .map((line) => line.replace(blanks, ''))
    .join('\n')
}
