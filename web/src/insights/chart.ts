/** Where the bars and lines of a chart stand. Pure: numbers in, numbers out; nothing is drawn here. */

export interface Bar {
  x: number
  width: number
  /** From the bottom up: parts that are not empty. */
  parts: { name: string; y: number; height: number; value: number }[]
  total: number
}

export interface Scale {
  /** The top of the chart. */
  most: number
  /** Values at which a line is drawn. */
  ticks: number[]
}

/** A round top that is not less than `value`, with at most `steps` lines below it. */
export function scaleOf(value: number, steps = 4): Scale {
  if (!(value > 0)) return { most: 1, ticks: [0, 1] }
  const rough = value / steps
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough * 0.999_999) ?? 10) * power
  const most = Math.ceil((value / step) * 0.999_999) * step
  const ticks: number[] = []
  for (let at = 0; at <= Math.round(most / step); at++) ticks.push(Number((at * step).toPrecision(12)))
  return { most: ticks.at(-1) ?? most, ticks }
}

/** Stacked bars over `width` and `height`; each row gives its parts from the bottom up. */
export function bars(
  rows: readonly Record<string, number>[],
  names: readonly string[],
  width: number,
  height: number,
  most: number,
): Bar[] {
  const each = rows.length > 0 ? width / rows.length : width
  const gap = each > 4 ? Math.min(3, each * 0.2) : 0
  return rows.map((row, index) => {
    let y = height
    const parts: Bar['parts'] = []
    for (const name of names) {
      const value = row[name] ?? 0
      if (value <= 0) continue
      const size = (value / most) * height
      y -= size
      parts.push({ name, y, height: size, value })
    }
    const total = names.reduce((sum, name) => sum + (row[name] ?? 0), 0)
    return { x: index * each + gap / 2, width: each - gap, parts, total }
  })
}

/** The path of a line; it breaks where there is no value, and a lone value is a dot. */
export function line(
  values: readonly (number | null | undefined)[],
  width: number,
  height: number,
  most: number,
): string {
  const each = values.length > 0 ? width / values.length : width
  let path = ''
  let drawing = false
  values.forEach((value, index) => {
    if (value === null || value === undefined) {
      drawing = false
      return
    }
    const x = round(index * each + each / 2)
    const y = round(height - (value / most) * height)
    path += `${drawing ? 'L' : 'M'}${x} ${y}`
    const following = values[index + 1]
    if (!drawing && (following === null || following === undefined)) path += `h0.01`
    drawing = true
  })
  return path
}

/** Which of `many` labels are written, so that about `most` stand below a chart. */
export function labelled(many: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(many / most))
  const found: number[] = []
  for (let at = 0; at < many; at += step) found.push(at)
  return found
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
