/** Pages of a payload's bytes as text: cut where a character ends, whatever the bytes are. */

export const PAGE_BYTES = 65_536

export interface TextPage {
  number: number
  /** Bytes of the payload, half-open, that the text stands for. */
  first: number
  stop: number
  text: string
  /** Some bytes were no UTF-8: they are shown as U+FFFD. */
  odd: boolean
}

export function pageCount(size: number): number {
  return Math.max(1, Math.ceil(size / PAGE_BYTES))
}

export function pageOf(offset: number): number {
  return Math.floor(offset / PAGE_BYTES)
}

/** The bytes to ask for: a few more at the end, for a character that begins in the page. */
export function wanted(number: number, size: number): [first: number, last: number] {
  return [number * PAGE_BYTES, Math.min(size, (number + 1) * PAGE_BYTES + 3) - 1]
}

/** The text of a page out of the bytes that `wanted` asked for. */
export function pageText(number: number, bytes: Uint8Array, size: number): TextPage {
  let from = 0
  // Bytes 10xxxxxx continue a character of the page before.
  if (number > 0) while (from < 3 && from < bytes.length && ((bytes[from] as number) & 0xc0) === 0x80) from++
  let upto = Math.min(bytes.length, PAGE_BYTES)
  while (upto < bytes.length && ((bytes[upto] as number) & 0xc0) === 0x80) upto++
  const first = number * PAGE_BYTES
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(from, upto))
  return {
    number,
    first: first + from,
    stop: Math.min(size, first + upto),
    text,
    odd: text.includes('\ufffd'),
  }
}

/** Where a byte of the payload stands in the text of its page. */
export function characterAt(page: TextPage, bytes: Uint8Array, offset: number): number {
  const begin = page.first - page.number * PAGE_BYTES
  const upto = Math.max(begin, offset - page.number * PAGE_BYTES)
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(begin, upto)).length
}

const HEX_ROW = 16

/** Bytes that are no text, as numbers and letters: sixteen to a line. */
export function hex(bytes: Uint8Array, first: number): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += HEX_ROW) {
    const row = bytes.subarray(at, at + HEX_ROW)
    const numbers = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const letters = Array.from(row, (byte) =>
      byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·',
    ).join('')
    lines.push(`${(first + at).toString(16).padStart(8, '0')}  ${numbers.padEnd(HEX_ROW * 3)} ${letters}`)
  }
  return lines.join('\n')
}
