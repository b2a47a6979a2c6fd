/** Where the find box leads. Ids are addresses of their own; anything else is looked for. */

export function foundAt(text: string): { to: string; search?: Record<string, string> } | null {
  const value = text.trim()
  if (value === '') return null
  if (/^r[0-9a-z]{13}$/.test(value)) return { to: `/runs/${value}` }
  if (/^p[0-9a-z]{13}$/.test(value)) return { to: `/payloads/${value}` }
  return { to: '/find', search: { value } }
}
