/** Documents that the forms write, the values that parameters take, and how secrets read. */

import type { ConnectionView, DescriptionImported, EndpointParameterView, Json } from '~/api/types'
import { plural } from '~/components/format'

/** `stored here`, `environment variable TOKEN`, `file /run/secrets/token`. */
export function sourceWords(source: string): string {
  if (source.startsWith('env:')) return `environment variable ${source.slice(4)}`
  if (source.startsWith('file:')) return `file ${source.slice(5)}`
  return 'stored here, sealed'
}

export interface SecretInput {
  kind: 'keep' | 'value' | 'env' | 'file'
  text: string
}

export interface ConnectionForm {
  name: string
  connector: string
  /** As typed; read by `settingValue`. */
  settings: [name: string, text: string][]
  secrets: [name: string, input: SecretInput][]
}

/** The form of a connection, with a place for everything that its connector reads. */
export function formOf(
  connection: ConnectionView | null,
  connector: string,
  read: readonly string[],
): ConnectionForm {
  const settings = Object.entries(connection?.settings ?? {}).map(([name, value]): [string, string] => [
    name,
    settingText(value),
  ])
  const secrets = Object.keys(connection?.secrets ?? {}).map((name): [string, SecretInput] => [
    name,
    { kind: 'keep', text: '' },
  ])
  const known = new Set([...settings, ...secrets].map(([name]) => name))
  for (const name of read) {
    if (known.has(name)) continue
    if (looksSecret(name)) secrets.push([name, { kind: 'value', text: '' }])
    else settings.push([name, ''])
  }
  return { name: connection?.name ?? '', connector, settings, secrets }
}

/** Whether a name tells of a secret. The user can move it to the settings. */
export function looksSecret(name: string): boolean {
  return /token|secret|password|passphrase|key$|credential/i.test(name)
}

/** A setting as text: what is no text is JSON. */
export function settingText(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

/** What was typed: JSON where it reads as a number, a truth value, a list or an object; else the text itself. */
export function settingValue(text: string): string {
  const trimmed = text.trim()
  const plain = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/.test(trimmed)
  if (plain || /^[[{]/.test(trimmed)) {
    try {
      JSON.parse(trimmed)
      return trimmed // its own digits
    } catch {
      return JSON.stringify(text)
    }
  }
  return JSON.stringify(text)
}

/** The document of a connection; each value is JSON, which YAML reads as the same. Secrets that are kept are left out. */
export function connectionDocument(form: ConnectionForm): string {
  const lines = [
    `connection: ${JSON.stringify(form.name.trim())}`,
    `connector: ${JSON.stringify(form.connector)}`,
  ]
  const settings = form.settings.filter(([name, text]) => name.trim() !== '' && text !== '')
  if (settings.length > 0) lines.push('settings:')
  for (const [name, text] of settings) lines.push(`  ${JSON.stringify(name.trim())}: ${settingValue(text)}`)
  const secrets = form.secrets.filter(
    ([name, input]) => name.trim() !== '' && input.kind !== 'keep' && input.text !== '',
  )
  if (secrets.length > 0) lines.push('secrets:')
  for (const [name, input] of secrets) {
    const text = JSON.stringify(input.text)
    lines.push(
      `  ${JSON.stringify(name.trim())}: ${input.kind === 'value' ? text : `{${input.kind}: ${text}}`}`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** What stands beside settings and secrets in a connection's own document (limits and the like). */
export function othersOf(document: string): string {
  const kept: string[] = []
  let skipping = false
  for (const line of document.split('\n')) {
    if (/^\S/.test(line)) skipping = /^(connection|connector|settings|secrets):/.test(line)
    if (!skipping && line !== '' && !line.startsWith('#')) kept.push(line)
  }
  return kept.length > 0 ? `${kept.join('\n')}\n` : ''
}

/** The value of a parameter as typed, by its declared type. Undefined: left out. */
export function parameterValue(
  parameter: Pick<EndpointParameterView, 'type'>,
  text: string,
): Json | undefined {
  if (text === '') return undefined
  const type = parameter.type ?? ''
  if (type === 'string' || type === 'text') return text
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

/** What an import has done, in a sentence. */
export function importWords(done: DescriptionImported): string {
  const result = { created: 'was made', changed: 'was changed', unchanged: 'is as it was' }
  const what = done.result ? result[done.result] : 'would be made'
  return `${done.connector} ${what}: ${done.imported} of ${plural(done.operations, 'operation')}`
}

/** Changes of an import, counted by their kind. */
export function changeCounts(done: DescriptionImported): [kind: string, many: number][] {
  const counts = new Map<string, number>()
  for (const change of done.changes ?? []) {
    const kind = change.change.replace('_', ', but it ')
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts]
}
