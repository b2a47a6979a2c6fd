import { expect, test } from 'vitest'
import type { DescriptionImported } from '~/api/types'
import {
  changeCounts,
  connectionDocument,
  formOf,
  importWords,
  othersOf,
  parameterValue,
  settingValue,
  sourceWords,
} from './model'

test('where a secret comes from reads as words', () => {
  expect(sourceWords('env:SHOP_TOKEN')).toBe('environment variable SHOP_TOKEN')
  expect(sourceWords('file:/run/token')).toBe('file /run/token')
  expect(sourceWords('stored')).toBe('stored here, sealed')
})

test('a new connection has a place for all that its connector reads', () => {
  const form = formOf(null, 'shop', ['base_url', 'token'])
  expect(form.settings).toEqual([['base_url', '']])
  expect(form.secrets).toEqual([['token', { kind: 'value', text: '' }]])
})

test('what is there is kept, and a secret that is not typed again is not sent', () => {
  const form = formOf(
    {
      name: 'shop',
      connector: 'shop',
      settings: { base_url: 'http://a', size: 5 },
      secrets: { token: 'stored' },
    },
    'shop',
    ['base_url', 'token'],
  )
  expect(connectionDocument(form)).toBe(
    'connection: "shop"\nconnector: "shop"\nsettings:\n  "base_url": "http://a"\n  "size": 5\n',
  )
})

test('a secret is a value, a variable or a file', () => {
  const document = connectionDocument({
    name: ' erp ',
    connector: 'erp',
    settings: [],
    secrets: [
      ['token', { kind: 'value', text: 'a: "b"' }],
      ['key', { kind: 'env', text: 'ERP_KEY' }],
      ['left', { kind: 'value', text: '' }],
    ],
  })
  expect(document).toBe(
    'connection: "erp"\nconnector: "erp"\nsecrets:\n  "token": "a: \\"b\\""\n  "key": {env: "ERP_KEY"}\n',
  )
})

test.each([
  ['1.10', '1.10'],
  ['123456789012345678901', '123456789012345678901'],
  ['true', 'true'],
  ['[1, 2]', '[1, 2]'],
  ['[not json', '"[not json"'],
  ['007', '"007"'],
  ['http://x', '"http://x"'],
])('a setting %s is written as %s', (text, written) => {
  expect(settingValue(text)).toBe(written)
})

test('what else stands in the document stays', () => {
  const text =
    'connection: a\nconnector: b\nsettings:\n  x: 1\nat_once: 3\n# Stored secrets\n#   t: {env: NAME}\n'
  expect(othersOf(text)).toBe('at_once: 3\n')
  expect(othersOf('connection: a\nconnector: b\n')).toBe('')
})

test('a parameter is read by its type', () => {
  expect(parameterValue({ type: 'string' }, '12')).toBe('12')
  expect(parameterValue({ type: 'integer' }, '12')).toBe(12)
  expect(parameterValue({ type: null }, 'open')).toBe('open')
  expect(parameterValue({ type: 'integer' }, '')).toBeUndefined()
})

test('an import is told in a sentence and in counts', () => {
  const done = {
    connector: 'pets',
    result: 'created',
    operations: 5,
    imported: 4,
    changes: [
      { endpoint: 'a', change: 'added' },
      { endpoint: 'b', change: 'added' },
      { endpoint: 'c', change: 'kept_differs' },
    ],
  } as DescriptionImported
  expect(importWords(done)).toBe('pets was made: 4 of 5 operations')
  expect(changeCounts(done)).toEqual([
    ['added', 2],
    ['kept, but it differs', 1],
  ])
})
