/** How numbers, sizes and times read. Pure; used by the components and by pages. */

/** `1,234`. */
export function count(value: number): string {
  return value.toLocaleString('en')
}

/** `12.3 KB`; the exact bytes are for the title. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`
  const units = ['KB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 'B'
  for (const next of units) {
    if (size < 999.5) break
    size /= 1000
    unit = next
  }
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${unit}`
}

/** `0 ms`, `850 ms`, `2.4 s`, `3 m 5 s`, `2 h 4 m`, `3 d 2 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return two(whole, 60, 'm', 1, 's')
  if (whole < 86_400) return two(whole, 3600, 'h', 60, 'm')
  return two(whole, 86_400, 'd', 3600, 'h')
}

function two(whole: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((whole % big) / small)
  return `${Math.floor(whole / big)} ${bigName}${rest ? ` ${rest} ${smallName}` : ''}`
}

/** `just now`, `5 m ago`, `in 3 h`; days and more are for the date. */
export function ago(then: Date, now: Date): string {
  const seconds = (now.getTime() - then.getTime()) / 1000
  const size = Math.abs(seconds)
  if (size < 5) return 'just now'
  const text =
    size < 60
      ? `${Math.floor(size)} s`
      : size < 3600
        ? `${Math.floor(size / 60)} m`
        : size < 86_400
          ? `${Math.floor(size / 3600)} h`
          : `${Math.floor(size / 86_400)} d`
  return seconds >= 0 ? `${text} ago` : `in ${text}`
}

/** `1 run`, `3 runs`. */
export function plural(many: number, one: string, more = `${one}s`): string {
  return `${count(many)} ${many === 1 ? one : more}`
}
