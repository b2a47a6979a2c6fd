import { expect, test } from 'vitest'
import { ARRAY, compact, NUMBER, OBJECT, outline, relaid, STRING, spoken, spread, WORD } from './lexer'

const slices = (text: string) => {
  const read = outline(text)
  return Array.from({ length: read.count }, (_, value) => read.text.slice(read.start[value], read.end[value]))
}

test('values stand where they are written, spelt as they are', () => {
  const text = '{"n": 1.10, "n": 123456789012345678901234567890, "s": "\\ud800", "l": [true, null, {}]}'
  expect(slices(text).slice(1)).toEqual([
    '1.10',
    '123456789012345678901234567890',
    '"\\ud800"',
    '[true, null, {}]',
    'true',
    'null',
    '{}',
  ])
  const read = outline(text)
  expect(Array.from(read.kind.slice(0, read.count))).toEqual([
    OBJECT,
    NUMBER,
    NUMBER,
    STRING,
    ARRAY,
    WORD,
    WORD,
    OBJECT,
  ])
  expect([read.size[0], read.size[4], read.after[4], read.broken]).toEqual([4, 3, 8, false])
})

test.each([
  '',
  '{',
  '[1',
  '[1,]',
  '{"a"}',
  '{"a":}',
  '{"a" 1}',
  '[1 2]',
  '"open',
  '[}',
  '{"a":1}}',
  'nul',
  '[01]',
  '1 2',
  '{,}',
  '[tru]',
  '[1.]',
])('%s is no JSON', (text) => expect(outline(text).broken).toBe(true))

test.each(['1', '"a"', 'true', '[]', '{}', ' [1, "a,]}"] ', '\ufeff{"a": -0.5e+10}', '{"":{"":[[]]}}'])(
  '%s is JSON',
  (text) => expect(outline(text).broken).toBe(false),
)

test('a hundred thousand levels are read, spread and closed', () => {
  const text = '['.repeat(100_000) + ']'.repeat(100_000)
  const read = outline(text)
  expect([read.count, read.depth[99_999], read.broken]).toEqual([100_000, 99_999, false])
  expect(spread(read).endsWith(']')).toBe(true)
})

test('what is cut off gives what could be read', () => {
  const read = outline('{"a": [1, {"b": "tex')
  expect([read.count, read.broken]).toEqual([5, true])
  expect(spread(read)).toBe('{\n  "a": [\n    1,\n    {\n      "b": "tex')
})

test('spreading changes blanks only', () => {
  const text = '{"a":[1.10,{"b":"<script>"}],"a":{},"c":[]}'
  const wide = spread(outline(text))
  expect(wide.replace(/\n\s*/g, '').replaceAll(': ', ':')).toBe(text)
  expect(wide.split('\n')[2]).toBe('    1.10,')
})

test('a part is spread by itself', () => {
  expect(spread(outline('{"a":[1,2],"b":3}'), 1)).toBe('[\n  1,\n  2\n]')
})

test.each([
  ['"a"', 'a'],
  ['"\\u00e9\\n"', 'é\n'],
  ['"\\ud800"', '\\ud800'],
  ['"\\u0000"', '\\u0000'],
  ['"cut', 'cut'],
])('%s is read as %s', (quoted, text) => expect(spoken(quoted)).toBe(text))

test('an edit is stored as compact as what it replaces', () => {
  const stored = '{"a":1.10,"b":"x  \\" y"}'
  expect(compact(spread(outline(stored)))).toBe(stored)
  expect(relaid(stored, '{\n  "a": 2.00\n}')).toBe('{"a":2.00}')
  expect(relaid('{"a": 1}', '{\n  "a": 2\n}')).toBe('{\n  "a": 2\n}')
})
