/** Reads an API's answer without rounding a number: one that JavaScript cannot hold stays its own text. */

type Source = { source?: string }

/** Only these can lose digits; all others take the quick way. */
const LONG = /\d{16}/

export function readJson(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text)
  const exact = (_key: string, value: unknown, context?: Source): unknown => {
    const source = context?.source
    if (typeof value !== 'number' || source === undefined) return value
    return Number.isSafeInteger(value) || String(value) === source || !LONG.test(source) ? value : source
  }
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown)
}
