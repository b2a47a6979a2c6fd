/** Scrolling through more rows than a browser can make an element high for: the place of the bar stands for
 * a place among all rows, and what is drawn is laid where the eye is.
 */

/** Browsers give up at some 17 or 33 million pixels. */
export const MOST_HEIGHT = 8_000_000

export interface Sight {
  /** Rows from `first` to before `stop` are drawn. */
  first: number
  stop: number
  /** Where the first of them lies, from the top of the long element. */
  top: number
  /** The height of the long element. */
  height: number
}

const SPARE = 6

/** What is seen at a place of the bar. `rest`: how far, in pixels, the eye is from where the bar says. */
export function sight(total: number, rowHeight: number, scrollTop: number, seen: number): Sight {
  const whole = total * rowHeight
  const height = Math.min(whole, MOST_HEIGHT)
  const place = real(whole, height, scrollTop, seen)
  const first = Math.max(0, Math.floor(place / rowHeight) - SPARE)
  const stop = Math.min(total, Math.ceil((place + seen) / rowHeight) + SPARE)
  return { first, stop, top: first * rowHeight - place + scrollTop, height }
}

/** The scrollTop at which a row is at the top, or as near as the bar can go. */
export function barAt(total: number, rowHeight: number, row: number, seen: number): number {
  const whole = total * rowHeight
  const height = Math.min(whole, MOST_HEIGHT)
  if (whole <= seen) return 0
  const place = Math.min(row * rowHeight, whole - seen)
  return height === whole ? place : (place / (whole - seen)) * (height - seen)
}

function real(whole: number, height: number, scrollTop: number, seen: number): number {
  if (whole === height) return scrollTop
  const share = Math.min(1, Math.max(0, scrollTop / Math.max(1, height - seen)))
  return share * (whole - seen)
}
