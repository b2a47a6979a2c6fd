/** What a view shows (filters, panel, tab) lives in the address, as plain text: digits stay digits. */

export type View = Record<string, string>

/** `?status=failure&q=1042` as strings; nothing is taken for a number. */
export function readView(search: string): View {
  return Object.fromEntries(new URLSearchParams(search))
}

/** What is empty is left out, so that the plain view has the plain address. */
export function writeView(view: Record<string, unknown>): string {
  const text = new URLSearchParams()
  for (const [name, value] of Object.entries(view)) {
    if (value !== undefined && value !== null && value !== '') text.set(name, String(value))
  }
  const search = text.toString()
  return search ? `?${search}` : ''
}

/** The view with some parts changed; a part set to null or '' goes. */
export function changed(view: View, patch: Record<string, string | null | undefined>): View {
  const after: View = {}
  for (const [name, value] of Object.entries({ ...view, ...patch })) {
    if (value !== null && value !== undefined && value !== '') after[name] = value
  }
  return after
}
