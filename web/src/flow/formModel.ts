/** Which control shows a setting, decided from the JSON Schema of its shape. */

import { Document, parseDocument } from 'yaml'
import { isRecord, type Path, type Plain, plain, READ } from './reading'
import { WRITE } from './writing'

export type Schema = { [key: string]: Plain }

export type Control =
  | { kind: 'text'; long?: boolean; code?: boolean; path?: boolean; template?: boolean }
  | { kind: 'number'; whole: boolean; least?: number; most?: number }
  | { kind: 'flag' }
  | { kind: 'choice'; options: string[] }
  | { kind: 'any' }
  | { kind: 'condition' }
  | { kind: 'mapping' }
  | { kind: 'texts' }
  | { kind: 'names'; value: Schema }
  | { kind: 'object'; properties: [string, Schema][]; required: string[] }
  | { kind: 'list'; item: Schema }
  | { kind: 'yaml' }

const CODE = new Set(['code', 'script', 'payload'])

export function controlOf(name: string, given: Schema, defs: Schema): Control {
  const refers = refOf(given)
  if (refers?.endsWith('/Condition')) return { kind: 'condition' }
  const schema = plainOf(given, defs)
  if (Array.isArray(schema.enum)) return { kind: 'choice', options: schema.enum.map(String) }
  if (schema.const !== undefined) return { kind: 'choice', options: [String(schema.const)] }
  const type = schema.type
  if (type === 'boolean') return { kind: 'flag' }
  if (type === 'integer' || type === 'number') {
    return {
      kind: 'number',
      whole: type === 'integer',
      least: typeof schema.minimum === 'number' ? schema.minimum : undefined,
      most: typeof schema.maximum === 'number' ? schema.maximum : undefined,
    }
  }
  if (type === 'string') {
    const long = Number(schema.maxLength ?? 0) >= 10_000 && /note|description|message|text/.test(name)
    return { kind: 'text', long, code: CODE.has(name), path: schema.format === 'redrive-path' }
  }
  if (type === 'array') {
    const items = isRecord(schema.items) ? schema.items : {}
    if (refOf(items)?.endsWith('/MapField')) return { kind: 'mapping' }
    const inner = plainOf(items, defs)
    if (inner.type === 'string' && !inner.enum) return { kind: 'texts' }
    return inner.type === 'object' && isRecord(inner.properties)
      ? { kind: 'list', item: items }
      : { kind: 'yaml' }
  }
  if (type === 'object') {
    if (isRecord(schema.properties)) {
      return {
        kind: 'object',
        properties: Object.entries(schema.properties) as [string, Schema][],
        required: Array.isArray(schema.required) ? schema.required.map(String) : [],
      }
    }
    const patterns = isRecord(schema.patternProperties)
      ? Object.values(schema.patternProperties)[0]
      : undefined
    const value = isRecord(patterns) ? patterns : schema.additionalProperties
    return isRecord(value) ? { kind: 'names', value } : { kind: 'yaml' }
  }
  if (type === undefined && !schema.anyOf && !schema.oneOf && !schema.allOf) return { kind: 'any' }
  // A number or a text such as 30m: what is written decides.
  return simple(schema, defs) ? { kind: 'any' } : { kind: 'yaml' }
}

/** The schema without what only says that it may be left out. */
export function plainOf(given: Schema, defs: Schema): Schema {
  const name = refOf(given)?.split('/').at(-1)
  const found = name === undefined ? undefined : defs[name]
  if (isRecord(found)) return { ...plainOf(found, defs), ...pick(given) }
  const options = variants(given)
  const only = options.length === 1 ? options[0] : undefined
  return only === undefined ? given : { ...plainOf(only, defs), ...pick(given) }
}

function pick(schema: Schema): Schema {
  const kept: Schema = {}
  for (const name of ['description', 'default', 'unit', 'examples']) {
    if (schema[name] !== undefined) kept[name] = schema[name]
  }
  return kept
}

function variants(schema: Schema): Schema[] {
  const all = Array.isArray(schema.anyOf) ? schema.anyOf : []
  return all.filter((one): one is Schema => isRecord(one) && one.type !== 'null')
}

function refOf(schema: Schema): string | undefined {
  if (typeof schema.$ref === 'string') return schema.$ref
  const [only, more] = variants(schema)
  return only !== undefined && more === undefined && typeof only.$ref === 'string' ? only.$ref : undefined
}

function simple(schema: Schema, defs: Schema): boolean {
  return variants(schema).every((one) => {
    const { type } = plainOf(one, defs)
    return (
      type === undefined || type === 'string' || type === 'number' || type === 'integer' || type === 'boolean'
    )
  })
}

/** The unit, in words, that stands behind a number. */
export function unitOf(schema: Schema): string {
  return typeof schema.unit === 'string' ? schema.unit : ''
}

/** A value as one writes it: `5` is a number, `"5"` and `red` are texts. */
export function valueText(value: Plain | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'string' && value.includes('\n')) return value
  const document = new Document(value, READ)
  return document.toString({ ...WRITE, collectionStyle: 'flow' }).trimEnd()
}

/** What was written, as a value; null where it cannot be read. */
export function valueFrom(text: string): { value: Plain | undefined } | null {
  if (text.trim() === '') return { value: undefined }
  if (text.includes('\n') && !/^[[{]/.test(text.trim())) return { value: text }
  // Braces of a template are no mapping.
  if (/^\{\{[\s\S]*\}\}$/.test(text.trim()) || /^[^"'[{]*\{\{/.test(text)) return { value: text }
  const document = parseDocument(text, READ)
  return document.errors.length > 0 ? null : { value: plain(document.contents, document) }
}

export function yamlText(value: Plain | undefined): string {
  return value === undefined ? '' : new Document(value, READ).toString(WRITE)
}

export function yamlOf(text: string): { value: Plain | undefined } | null {
  if (text.trim() === '') return { value: undefined }
  const document = parseDocument(text, READ)
  return document.errors.length > 0 ? null : { value: plain(document.contents, document) }
}

/** `fields[0].to` for the server's problems. */
export function settingName(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  )
}

/** Whether a problem's place is at, or somewhere below, a setting. */
export function concerns(place: string | null | undefined, setting: string): boolean {
  if (!place) return false
  return place === setting || (place.startsWith(setting) && /^[.[]/.test(place.slice(setting.length)))
}
