/** How a place within a payload is called: `orders[3].customer.id`. */

import { type Outline, spoken } from './lexer'

const MOST_PARTS = 40

export function pathOf(read: Outline, value: number): string {
  const parts: string[] = []
  let depth = read.depth[value] as number
  const chain: number[] = []
  for (let one = value; one > 0 && depth > 0; one--) {
    if ((read.depth[one] as number) === depth) {
      chain.push(one)
      depth--
    }
  }
  chain.reverse()
  if (chain.length > MOST_PARTS) return `… ${chain.length} levels`
  for (const one of chain) {
    const keyStart = read.keyStart[one] as number
    if (keyStart >= 0) {
      const key = spoken(read.text.slice(keyStart, Math.min(read.keyEnd[one] as number, keyStart + 200)))
      parts.push(/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(key) ? `.${key}` : `["${key}"]`)
    } else parts.push(`[${placeOf(read, one)}]`)
  }
  return parts.join('').replace(/^\./, '')
}

/** The number of a value in its list. */
function placeOf(read: Outline, value: number): number {
  const depth = read.depth[value] as number
  let place = 0
  for (let one = value - 1; one >= 0; one--) {
    const there = read.depth[one] as number
    if (there < depth) break
    if (there === depth) place++
  }
  return place
}

/** What stands in the row of a value that is shut. */
export function summary(read: Outline, value: number, most = 240): string {
  const [start, end] = [read.start[value] as number, read.end[value] as number]
  const text = read.text.slice(start, Math.min(end, start + most)).replace(/\s+/g, ' ')
  const more = end - start > most ? '…' : ''
  return text + more
}
