/** Reads JSON as the text that it is: where each value stands, nothing else. Nothing is converted, so
 * numbers keep their spelling, equal keys stay, and a lone surrogate is what was stored. It reads in one
 * pass without calling itself: a hundred thousand levels are as good as three. What is cut off or is no
 * JSON gives the part that could be read.
 */

export const OBJECT = 1
export const ARRAY = 2
export const STRING = 3
export const NUMBER = 4
export const WORD = 5

export interface Outline {
  text: string
  /** How many values there are; value 0 is the whole. */
  count: number
  kind: Uint8Array
  start: Int32Array
  end: Int32Array
  /** Where the key stands, quotes included; -1 without one. */
  keyStart: Int32Array
  keyEnd: Int32Array
  depth: Int32Array
  /** The number of the value that comes after this one and all within it. */
  after: Int32Array
  /** How many values stand directly in it. */
  size: Int32Array
  /** The text ended, or was no JSON any more, before the whole was read. */
  broken: boolean
}

class Growing {
  count = 0
  kind = new Uint8Array(256)
  numbers = Array.from({ length: 7 }, () => new Int32Array(256))

  add(kind: number, start: number, keyStart: number, keyEnd: number, depth: number): number {
    if (this.count === this.kind.length) this.grow()
    const at = this.count++
    this.kind[at] = kind
    const [starts, , keyStarts, keyEnds, depths] = this.numbers as [
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
    ]
    starts[at] = start
    keyStarts[at] = keyStart
    keyEnds[at] = keyEnd
    depths[at] = depth
    return at
  }

  private grow(): void {
    const kind = new Uint8Array(this.kind.length * 2)
    kind.set(this.kind)
    this.kind = kind
    this.numbers = this.numbers.map((old) => {
      const next = new Int32Array(old.length * 2)
      next.set(old)
      return next
    })
  }
}

const QUOTE = 34
const BACKSLASH = 92

function blank(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9 || code === 0xfeff
}

/** The place behind a string that begins at `at`; the end of the text if it never ends. */
function behindString(text: string, at: number): number {
  let place = at + 1
  while (place < text.length) {
    const code = text.charCodeAt(place)
    if (code === QUOTE) return place + 1
    place += code === BACKSLASH ? 2 : 1
  }
  return text.length
}

function behindWord(text: string, at: number): number {
  let place = at
  while (place < text.length) {
    const code = text.charCodeAt(place)
    // , ] } : and blanks end a number or a word.
    if (code === 44 || code === 93 || code === 125 || code === 58 || blank(code)) break
    place++
  }
  return place
}

const WORDS = /^(?:true|false|null)$/
const NUMBERS = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The values of a text. `broken` says that it is no whole JSON value. */
export function outline(text: string): Outline {
  const work = reading(text)
  for (;;) {
    const next = work.next()
    if (next.done) return next.value
  }
}

const SLICE_MS = 15

/** The same, and the page stays alive meanwhile. */
export async function outlineSoon(text: string): Promise<Outline> {
  const work = reading(text)
  for (;;) {
    const until = performance.now() + SLICE_MS
    do {
      const next = work.next()
      if (next.done) return next.value
    } while (performance.now() < until)
    await new Promise((go) => setTimeout(go))
  }
}

const STEPS = 2000

function* reading(text: string): Generator<undefined, Outline> {
  let steps = 0
  const made = new Growing()
  const open: number[] = []
  let keyStart = -1
  let keyEnd = -1
  let at = 0
  let broken = false
  let wantsValue = true // as opposed to a comma or a bracket
  let afterComma = false
  let done = false

  const put = (kind: number, start: number, end: number): void => {
    const value = made.add(kind, start, keyStart, keyEnd, open.length)
    ;(made.numbers[1] as Int32Array)[value] = end
    ;(made.numbers[5] as Int32Array)[value] = value + 1
    const parent = open.at(-1)
    if (parent !== undefined) {
      const sizes = made.numbers[6] as Int32Array
      sizes[parent] = (sizes[parent] as number) + 1
    }
    keyStart = keyEnd = -1
    if (kind === OBJECT || kind === ARRAY) {
      open.push(value)
      wantsValue = true
      afterComma = false
    } else {
      wantsValue = false
      done = open.length === 0
    }
  }
  const close = (end: number): void => {
    const value = open.pop() as number
    ;(made.numbers[1] as Int32Array)[value] = end
    ;(made.numbers[5] as Int32Array)[value] = made.count
    wantsValue = false
    done = open.length === 0
  }

  while (at < text.length) {
    if (++steps % STEPS === 0) yield
    const code = text.charCodeAt(at)
    if (blank(code)) {
      at++
      continue
    }
    if (done) {
      broken = true
      break
    }
    const parent = open.at(-1)
    const inObject = parent !== undefined && made.kind[parent] === OBJECT
    if (code === 125 || code === 93) {
      const fits = parent !== undefined && inObject === (code === 125)
      if (!fits || keyStart >= 0 || (wantsValue && afterComma)) {
        broken = true
        break
      }
      close(++at)
      continue
    }
    if (!wantsValue) {
      if (code !== 44 || parent === undefined) {
        broken = true
        break
      }
      wantsValue = afterComma = true
      at++
      continue
    }
    if (inObject && keyStart < 0) {
      if (code !== QUOTE) {
        broken = true
        break
      }
      keyStart = at
      keyEnd = at = behindString(text, at)
      while (at < text.length && blank(text.charCodeAt(at))) at++
      if (text.charCodeAt(at) !== 58) {
        broken = true
        break
      }
      at++
      continue
    }
    if (code === 123 || code === 91) {
      put(code === 123 ? OBJECT : ARRAY, at, text.length)
      at++
    } else if (code === QUOTE) {
      const end = behindString(text, at)
      if (text.charCodeAt(end - 1) !== QUOTE || end - at < 2) broken = true
      put(STRING, at, end)
      at = end
    } else {
      const end = behindWord(text, at)
      if (end === at) {
        broken = true
        break
      }
      const word = end - at <= 5 ? text.slice(at, end) : ''
      const isWord = WORDS.test(word)
      if (!isWord && !NUMBERS.test(text.slice(at, Math.min(end, at + 10_000)))) broken = true
      put(isWord ? WORD : NUMBER, at, end)
      at = end
      if (broken) break
    }
  }
  if (open.length > 0 || made.count === 0) broken = true
  const [, ends, , , , afters] = made.numbers as Int32Array[]
  for (const value of open) {
    ;(ends as Int32Array)[value] = text.length
    ;(afters as Int32Array)[value] = made.count
  }
  const [start, end, keyStarts, keyEnds, depth, after, size] = made.numbers as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  return {
    text,
    count: made.count,
    kind: made.kind,
    start,
    end,
    keyStart: keyStarts,
    keyEnd: keyEnds,
    depth,
    after,
    size,
    broken,
  }
}

export function opens(kind: number | undefined): boolean {
  return kind === OBJECT || kind === ARRAY
}

/** A key or a string as its characters; escapes that a reader would not see are left as they are spelt. */
export function spoken(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.endsWith('"') ? quoted.slice(1, -1) : quoted.slice(1)
  try {
    const text: unknown = JSON.parse(quoted)
    // A lone surrogate or a control character is shown as it is written.
    return typeof text === 'string' && !/\p{Cs}|(?![\t\n])\p{Cc}/u.test(text) ? text : quoted.slice(1, -1)
  } catch {
    return quoted.slice(1, -1)
  }
}

const MOST_INDENT = 30

/** The same text with each value on a line of its own. Values, keys and numbers stay as they are spelt. */
export function spread(read: Outline, from = 0): string {
  if (read.count === 0) return read.text
  const parts: string[] = []
  const base = read.depth[from] ?? 0
  const open: number[] = []
  const indent = (depth: number): string => `\n${'  '.repeat(Math.min(depth, MOST_INDENT))}`
  const last = read.after[from] ?? read.count
  const shut = (upto: number): void => {
    while (open.length > 0 && (read.after[open.at(-1) as number] as number) <= upto) {
      const value = open.pop() as number
      if (closed(read, value)) {
        parts.push(indent((read.depth[value] as number) - base), read.kind[value] === OBJECT ? '}' : ']')
      }
    }
  }
  for (let value = from; value < last; value++) {
    shut(value)
    const depth = (read.depth[value] as number) - base
    if (value > from) {
      const first = value === (open.at(-1) as number) + 1
      parts.push(first ? '' : ',', indent(depth))
      if ((read.keyStart[value] as number) >= 0) {
        parts.push(read.text.slice(read.keyStart[value], read.keyEnd[value]), ': ')
      }
    }
    const kind = read.kind[value]
    if (!opens(kind)) {
      parts.push(read.text.slice(read.start[value], read.end[value]))
    } else if ((read.size[value] as number) === 0) {
      parts.push(closed(read, value) ? (kind === OBJECT ? '{}' : '[]') : kind === OBJECT ? '{' : '[')
    } else {
      parts.push(kind === OBJECT ? '{' : '[')
      open.push(value)
    }
  }
  shut(last)
  return parts.join('')
}

/** The text without the blanks between its values. What stands in strings stays. */
export function compact(text: string): string {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = behindString(text, at)
    else if (blank(code)) {
      parts.push(text.slice(from, at))
      while (at < text.length && blank(text.charCodeAt(at))) at++
      from = at
    } else at++
  }
  parts.push(text.slice(from))
  return parts.join('')
}

/** An edit of a text that was spread for the eye, as it is to be stored: compact where the stored one was. */
export function relaid(stored: string, edited: string): string {
  return compact(stored) === stored ? compact(edited) : edited
}

function closed(read: Outline, value: number): boolean {
  const end = read.end[value] as number
  return (
    read.text.charCodeAt(end - 1) === (read.kind[value] === OBJECT ? 125 : 93) &&
    end > (read.start[value] as number) + 1
  )
}
