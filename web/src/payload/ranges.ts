/** Chosen items as half-open ranges of their numbers, sorted and apart: a million chosen items are one pair. */

export type Ranges = readonly (readonly [number, number])[]

export const NONE: Ranges = []

export function has(ranges: Ranges, number: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle] as readonly [number, number])[1] <= number) low = middle + 1
    else high = middle
  }
  const found = ranges[low]
  return found !== undefined && found[0] <= number
}

export function count(ranges: Ranges): number {
  return ranges.reduce((sum, [first, stop]) => sum + stop - first, 0)
}

export function add(ranges: Ranges, first: number, stop: number): Ranges {
  const made: [number, number][] = []
  let [from, to] = [first, stop]
  for (const [a, b] of ranges) {
    if (b < from || a > to) made.push([a, b])
    else {
      from = Math.min(from, a)
      to = Math.max(to, b)
    }
  }
  made.push([from, to])
  return made.sort((a, b) => a[0] - b[0])
}

export function remove(ranges: Ranges, first: number, stop: number): Ranges {
  const made: [number, number][] = []
  for (const [a, b] of ranges) {
    if (a < first) made.push([a, Math.min(b, first)])
    if (b > stop) made.push([Math.max(a, stop), b])
  }
  return made.filter(([a, b]) => a < b)
}

export function toggle(ranges: Ranges, number: number): Ranges {
  return has(ranges, number) ? remove(ranges, number, number + 1) : add(ranges, number, number + 1)
}

/** As a selection names them: `#0,3,7:9`. */
export function expression(ranges: Ranges): string {
  return `#${ranges.map(([a, b]) => (b === a + 1 ? `${a}` : `${a}:${b}`)).join(',')}`
}

/** What `#0,3,7:9` names; null for any other selection. */
export function numbers(text: string): Ranges | null {
  const found = /^#(\d{1,15}(?::\d{1,15})?(?:\s*,\s*\d{1,15}(?::\d{1,15})?)*)$/.exec(text.trim())
  if (found === null) return null
  let ranges: Ranges = NONE
  for (const part of (found[1] as string).split(',')) {
    const [first, stop] = part.trim().split(':').map(Number) as [number, number | undefined]
    ranges = add(ranges, first, stop ?? first + 1)
  }
  return ranges
}
