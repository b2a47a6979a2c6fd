/** What a step does, in a line; what a path's condition says; when a flow starts. */

import type { Step } from './graphModel'
import { isRecord, type Plain } from './reading'

export function summary(step: Pick<Step, 'shape' | 'data'>): string {
  const { shape, data } = step
  const said = said_(shape, data)
  return said ? `${shape} · ${said}` : shape
}

function said_(shape: string, data: { [key: string]: Plain }): string {
  if (shape === 'connector') return [data.connection, data.endpoint].filter(Boolean).join(' · ')
  if (shape === 'filter') {
    if (isRecord(data.keep)) return `keep ${whenText(data.keep)}`
    return isRecord(data.drop) ? `drop ${whenText(data.drop)}` : ''
  }
  if (shape === 'map') {
    const many = Array.isArray(data.fields) ? data.fields.length : 0
    return `${many} ${many === 1 ? 'field' : 'fields'}`
  }
  if (shape === 'flow_control')
    return data.size === 1 ? '1 item each' : `${valueWords(data.size ?? 100)} items each`
  const first = Object.entries(data).find(
    ([name]) => !['id', 'shape', 'name', 'note', 'skip', 'paths', 'steps'].includes(name),
  )
  return first !== undefined && typeof first[1] !== 'object' ? `${first[0]} ${valueWords(first[1])}` : ''
}

/** A condition as one says it. */
export function whenText(when: Plain | undefined): string {
  if (!isRecord(when)) return ''
  for (const [name, word] of [
    ['all', ' and '],
    ['any', ' or '],
  ] as const) {
    const parts = when[name]
    if (Array.isArray(parts)) return parts.map((one) => bracketed(one)).join(word)
  }
  if (isRecord(when.not)) return `not ${bracketed(when.not)}`
  const { field, ...rest } = when
  return Object.entries(rest)
    .map(([name, value]) =>
      name === 'exists'
        ? `${valueWords(field)} ${value === false ? 'is missing' : 'exists'}`
        : `${valueWords(field)} ${SIGNS[name] ?? name} ${valueWords(value)}`,
    )
    .join(' and ')
}

const SIGNS: Record<string, string> = {
  is_not: 'is not',
  not_in: 'not in',
  gt: '>',
  gte: '≥',
  lt: '<',
  lte: '≤',
}

function bracketed(one: Plain): string {
  const text = whenText(one)
  return isRecord(one) && (one.all || one.any) ? `(${text})` : text
}

function valueWords(value: Plain | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

export function triggerWords(triggers: Plain | undefined): string {
  if (!Array.isArray(triggers) || triggers.length === 0) return 'Started by hand'
  return triggers
    .map((one) => {
      if (!isRecord(one)) return ''
      const [kind = '', settings] = Object.entries(one)[0] ?? []
      const at = isRecord(settings)
        ? (settings.cron ?? settings.every ?? settings.name ?? settings.source)
        : null
      return at ? `${kind} ${valueWords(at)}` : kind
    })
    .join(', ')
}
