/** How variables of a flow are typed into a form. */

const HINTS: Record<string, string> = {
  integer: 'a whole number',
  number: 'a number',
  list: 'a list, as JSON',
  object: 'a mapping, as JSON',
}

export function hintOf(type: string): string {
  return HINTS[type] ?? ''
}

/** A value as somebody would type it. */
export function shownValue(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The required ones that have no value yet. */
export function missing(
  variables: readonly { name: string; required?: boolean }[],
  values: Readonly<Record<string, string>>,
): string[] {
  return variables.filter((one) => one.required && !values[one.name]?.trim()).map((one) => one.name)
}
