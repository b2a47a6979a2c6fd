/** A list of records as a table: which columns it has, and what stands in them. */

import { opens, outline, STRING, spoken } from './lexer'

const MOST_COLUMNS = 40
const MOST_CELL = 200

export type Cells = ReadonlyMap<string, string>

/** The fields of a record, each as spelt; a text as its characters. Of equal keys the last counts. */
export function cellsOf(text: string): Cells | null {
  const read = outline(text)
  const cells = new Map<string, string>()
  if (!opens(read.kind[0]) || (read.keyStart[1] ?? -1) < 0) {
    return read.count > 0 ? new Map([['value', text.slice(0, MOST_CELL)]]) : null
  }
  for (let value = 1; value < read.count; value = read.after[value] as number) {
    const key = spoken(
      text.slice(
        read.keyStart[value],
        Math.min(read.keyEnd[value] as number, (read.keyStart[value] as number) + MOST_CELL),
      ),
    )
    const cell = text.slice(
      read.start[value],
      Math.min(read.end[value] as number, (read.start[value] as number) + MOST_CELL),
    )
    cells.set(key, read.kind[value] === STRING ? spoken(cell) : cell)
  }
  return cells
}

/** The names of the columns that some records have, in the order in which they come up. */
export function columnsOf(records: Iterable<Cells>): string[] {
  const names = new Set<string>()
  for (const cells of records) {
    for (const name of cells.keys()) {
      names.add(name)
      if (names.size === MOST_COLUMNS) return [...names]
    }
  }
  return [...names]
}

/** The delimiter of a header line: whichever stands most often in it. */
export function delimiterOf(head: string): string {
  const bare = head.replace(/"[^"]*"/g, '')
  let best = ','
  for (const one of [',', ';', '\t', '|']) if (bare.split(one).length > bare.split(best).length) best = one
  return best
}

/** The fields of a row of CSV. */
export function fieldsOf(row: string, delimiter: string): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (row[at] === '"') {
      let text = ''
      at++
      for (;;) {
        const quote = row.indexOf('"', at)
        if (quote < 0) {
          text += row.slice(at)
          at = row.length
          break
        }
        text += row.slice(at, quote)
        at = quote + 1
        if (row[at] !== '"') break
        text += '"'
        at++
      }
      const next = row.indexOf(delimiter, at)
      fields.push(text + row.slice(at, next < 0 ? undefined : next))
      if (next < 0) return fields
      at = next + 1
    } else {
      const next = row.indexOf(delimiter, at)
      fields.push(row.slice(at, next < 0 ? undefined : next))
      if (next < 0) return fields
      at = next + 1
    }
  }
}
