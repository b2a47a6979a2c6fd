import { expect, test } from 'vitest'
import { concerns, controlOf, type Schema, settingName, valueFrom, valueText } from './formModel'
import { begun, pushed, redone, undone } from './history'
import { pathsIn, templatesFor } from './samples'

const kind = (schema: Schema, name = 'x') => controlOf(name, schema, {}).kind

test('a schema decides the control, and what is strange is YAML', () => {
  expect(kind({ type: 'integer', minimum: 1 })).toBe('number')
  expect(kind({ anyOf: [{ enum: ['a', 'b'], type: 'string' }, { type: 'null' }] })).toBe('choice')
  expect(kind({ anyOf: [{ $ref: '#/$defs/Condition' }, { type: 'null' }] })).toBe('condition')
  expect(kind({ type: 'array', items: { $ref: '#/$defs/MapField' } })).toBe('mapping')
  expect(kind({ type: 'object', additionalProperties: { description: 'Any value' } })).toBe('names')
  expect(kind({ anyOf: [{ type: 'number' }, { type: 'string' }, { type: 'null' }] })).toBe('any')
  expect(kind({ anyOf: [{ type: 'array' }, { type: 'object', properties: {} }] })).toBe('yaml')
  expect(kind({ description: 'any' })).toBe('any')
  const defs = { Thing: { type: 'object', properties: { a: { type: 'string' } } } }
  expect(controlOf('x', { $ref: '#/$defs/Thing' }, defs).kind).toBe('object')
})

test.each([
  ['5', 5],
  ['"5"', '5'],
  ['red', 'red'],
  ['true', true],
  ['[1, a]', [1, 'a']],
  ['{{ vars.a }}', '{{ vars.a }}'],
  ['no', 'no'],
  ['x {{ item.a }}', 'x {{ item.a }}'],
])('%s is read and written alike', (text, value) => {
  expect(valueFrom(text)?.value).toEqual(value)
  expect(valueFrom(valueText(value as never))?.value).toEqual(value)
})

test('digits that no number holds stay', () => {
  expect(valueFrom('123456789012345678901')?.value).toBe('123456789012345678901')
  expect(valueFrom('[1')).toBeNull()
})

test('a problem finds its field', () => {
  expect(settingName(['fields', 0, 'to'])).toBe('fields[0].to')
  expect(concerns('keep.all[0].is2', 'keep')).toBe(true)
  expect(concerns('keeper', 'keep')).toBe(false)
})

test('undo goes back over one change at a time, typing is one', () => {
  let history = begun('a')
  history = pushed(history, 'b', 'name')
  history = pushed(history, 'bc', 'name')
  history = pushed(history, 'd')
  expect(undone(history).now).toBe('bc')
  expect(undone(undone(history)).now).toBe('a')
  expect(redone(undone(undone(history))).now).toBe('bc')
  expect(pushed(undone(history), 'x').future).toEqual([])
})

test('paths of sample records', () => {
  const paths = pathsIn([{ id: 1, customer: { email: 'a' }, lines: [{ sku: 'x' }], 'a b': 1 }])
  expect(paths).toEqual(['id', 'customer', 'customer.email', 'lines', 'lines.*.sku'])
  expect(templatesFor(['id'], ['day'])).toContain('{{ vars.day }}')
})
