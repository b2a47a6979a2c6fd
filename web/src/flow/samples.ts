/** Paths of the fields that sample records have, for completion. */

import type { Json } from '~/api/types'

const MOST = 200
const DEEP = 6

export function pathsIn(records: readonly Json[]): string[] {
  const found = new Set<string>()
  const visit = (value: Json, path: string, depth: number): void => {
    if (found.size >= MOST || depth > DEEP) return
    if (path !== '') found.add(path)
    if (Array.isArray(value)) {
      const first = value[0]
      if (first !== undefined && typeof first === 'object' && first !== null && path !== '') {
        visit(first, `${path}.*`, depth + 1)
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        if (/[.[\]*$"'\s]/.test(name)) continue // only `$["…"]` could name it
        visit(inner, path === '' ? name : `${path}.${name}`, depth + 1)
      }
    }
  }
  for (const record of records) visit(record, '', 0)
  return [...found].filter((path) => !path.endsWith('.*'))
}

export function templatesFor(paths: readonly string[], variables: readonly string[]): string[] {
  return [
    ...variables.map((name) => `{{ vars.${name} }}`),
    ...paths.map((path) => `{{ item.${path} }}`),
    '{{ now }}',
    '{{ last_success }}',
    '{{ run.id }}',
  ]
}
