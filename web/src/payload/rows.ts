/** Which rows a tree of many items has: one for each item, and those of the values within an opened item. */

import { type Outline, opens } from './lexer'

/** An opened item: the values of it that are shown, in order; value 0 (the item itself) is its own row. */
export interface OpenItem {
  read: Outline
  shown: Int32Array
  /** Values whose own values are shown. */
  open: ReadonlySet<number>
}

export interface Row {
  item: number
  /** The value within the item; 0 is the item itself. */
  value: number
  /** Its place among the shown values. */
  place: number
}

export class Rows {
  /** Opened items in order, each with the first row that it has. */
  private readonly starts: { item: number; row: number; many: number }[] = []
  readonly total: number

  constructor(
    items: number,
    readonly opened: ReadonlyMap<number, OpenItem>,
  ) {
    let extra = 0
    for (const item of [...opened.keys()].filter((one) => one < items).sort((a, b) => a - b)) {
      const many = Math.max(1, opened.get(item)?.shown.length ?? 1)
      this.starts.push({ item, row: item + extra, many })
      extra += many - 1
    }
    this.total = items + extra
  }

  at(row: number): Row {
    const found = this.before((one) => one.row <= row)
    if (found === undefined) return { item: row, value: 0, place: 0 }
    if (row < found.row + found.many) {
      const place = row - found.row
      return { item: found.item, value: this.opened.get(found.item)?.shown[place] ?? 0, place }
    }
    return { item: found.item + row - found.row - found.many + 1, value: 0, place: 0 }
  }

  rowOf(item: number, place = 0): number {
    const found = this.before((one) => one.item <= item)
    if (found === undefined) return item
    if (found.item === item) return found.row + Math.min(place, found.many - 1)
    return found.row + found.many - 1 + item - found.item
  }

  private before(
    holds: (one: { item: number; row: number }) => boolean,
  ): (typeof this.starts)[number] | undefined {
    let low = 0
    let high = this.starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (holds(this.starts[middle] as (typeof this.starts)[number])) low = middle + 1
      else high = middle
    }
    return this.starts[low - 1]
  }
}

/** The values that are seen where these are open. */
export function shown(read: Outline, open: ReadonlySet<number>): Int32Array {
  const found: number[] = []
  for (let value = 0; value < read.count; ) {
    found.push(value)
    value = open.has(value) ? value + 1 : (read.after[value] as number)
  }
  return Int32Array.from(found)
}

/** An item as it opens first: its own values, and those of small ones within it. */
export function opened(read: Outline, open: ReadonlySet<number> = new Set([0])): OpenItem {
  return { read, open, shown: shown(read, open) }
}

export function toggled(item: OpenItem, value: number): OpenItem {
  const open = new Set(item.open)
  if (!open.delete(value)) open.add(value)
  return opened(item.read, open)
}

/** With everything in `value` open, as far as `most` values. */
export function allOpen(item: OpenItem, value: number, most = 20_000): OpenItem {
  const open = new Set(item.open)
  const last = Math.min(item.read.after[value] as number, value + most)
  for (let one = value; one < last; one++) if (opens(item.read.kind[one])) open.add(one)
  return opened(item.read, open)
}

/** With all open that a place in the text stands in; and the value there. */
export function openTo(item: OpenItem, offset: number): [OpenItem, number] {
  const open = new Set(item.open)
  let value = 0
  for (let one = 0; one < item.read.count; ) {
    const begins = Math.max(-1, item.read.keyStart[one] as number)
    const first = begins >= 0 ? begins : (item.read.start[one] as number)
    if (first > offset) break
    if (offset < (item.read.end[one] as number)) {
      value = one
      if (!opens(item.read.kind[one]) || offset < (item.read.start[one] as number)) break
      open.add(one)
      one += 1
    } else one = item.read.after[one] as number
  }
  return [opened(item.read, open), value]
}
