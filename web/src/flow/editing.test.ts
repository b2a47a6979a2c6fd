import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { entryLines, insertAt, moveTo, removeAt, setAt } from './editing'
import { type Path, type Plain, read } from './reading'

const ROOT = new URL('../../../', import.meta.url).pathname
const EXAMPLES = readdirSync(`${ROOT}examples`)
  .map((name) => `${ROOT}examples/${name}/flow.yaml`)
  .filter((path) => existsSync(path))

const TEXT = `# The orders of the day
flow: orders
steps:
  # What the shop has
  - id: pull   # once
    shape: connector
    with: {day: "{{ vars.day }}"}

  - id: paid
    shape: filter
    keep: {field: total, gt: 1.10}
  - {id: big, shape: filter, keep: {field: id, is: 123456789012345678901}}
`

test('there are examples to try', () => expect(EXAMPLES.length).toBeGreaterThan(10))

test.each(EXAMPLES)('%s comes back as it was after each change is taken back', (file) => {
  const text = readFileSync(file, 'utf8')
  const { data } = read(text)
  if (data === null) throw new Error(file)
  expect(setAt(text, ['flow'], data.flow)).toBe(text)
  const steps = data.steps as Plain[]
  for (let index = 0; index < steps.length; index++) {
    const skipped = setAt(text, ['steps', index, 'skip'], true)
    expect(lines(skipped).length - lines(text).length).toBeLessThanOrEqual(1)
    expect(setAt(skipped, ['steps', index, 'skip'], undefined)).toBe(text)
    const entry = entryLines(text, ['steps'], index)
    const twice = insertAt(text, ['steps'], index, { text: entry })
    expect(removeAt(twice, ['steps'], index)).toBe(text)
  }
})

test('a new value keeps comments, blanks and all other lines', () => {
  expect(setAt(TEXT, ['steps', 0, 'id'], 'fetch')).toBe(TEXT.replace('id: pull', 'id: fetch'))
  expect(setAt(TEXT, ['steps', 1, 'keep', 'field'], 'sum')).toBe(TEXT.replace('field: total', 'field: sum'))
})

test('numbers elsewhere keep their digits, in brackets too', () => {
  const after = setAt(TEXT, ['steps', 2, 'keep', 'field'], 'number')
  expect(after).toContain('{id: big, shape: filter, keep: {field: number, is: 123456789012345678901}}')
  expect(setAt(TEXT, ['steps', 1, 'keep', 'field'], 'x')).toContain('gt: 1.10')
})

test('a name stands below the shape, and settings before the paths', () => {
  const text = 'flow: a\nsteps:\n  - id: r\n    shape: branch\n    paths:\n      - id: p\n        steps: []\n'
  const after = setAt(setAt(text, ['steps', 0, 'retries'], 2), ['steps', 0, 'name'], 'R')
  expect(after).toContain('shape: branch\n    name: R\n    retries: 2\n    paths:')
})

test('an entry is taken away with the comment above it', () => {
  const after = removeAt(TEXT, ['steps'], 0)
  expect(after).not.toContain('What the shop has')
  expect(after).toContain('# The orders of the day')
})

test('the last entry leaves an empty list, and the first comes into one', () => {
  const text = 'flow: a\nsteps:\n  - id: x\n    shape: split\n    at: lines\n'
  const empty = removeAt(text, ['steps'], 0)
  expect(empty).toBe('flow: a\nsteps: []\n')
  expect(insertAt(empty, ['steps'], 0, { id: 'x', shape: 'split', at: 'lines' })).toBe(text)
})

test('a step goes into a path with its very lines', () => {
  const text = `${TEXT}  - id: both\n    shape: branch\n    paths:\n      - id: one\n        steps: []\n`
  const after = moveTo(text, ['steps'], 0, ['steps', 3, 'paths', 0, 'steps'], 0)
  expect(after).toContain(
    '        steps:\n          # What the shop has\n          - id: pull   # once\n            shape: connector\n',
  )
  const back = moveTo(after, ['steps', 2, 'paths', 0, 'steps'] as Path, 0, ['steps'], 0)
  expect(read(back).data).toEqual(read(text).data)
})

test('a step does not go into itself', () => {
  const text = 'flow: a\nsteps:\n  - id: t\n    shape: try\n    steps:\n      - {id: x, shape: merge}\n'
  expect(moveTo(text, ['steps'], 0, ['steps', 0, 'steps'], 0)).toBe(text)
})

test('a text of several lines is a block, and can be replaced', () => {
  const once = setAt(TEXT, ['steps', 1, 'note'], 'one\ntwo')
  expect(once).toContain('note: |-\n      one\n      two\n')
  const again = setAt(once, ['steps', 1, 'note'], 'three')
  expect(again).toContain('    note: three\n    keep: {field: total, gt: 1.10}')
})

test('mappings on the way are made', () => {
  expect(read(setAt(TEXT, ['settings', 'retention', 'payloads', 'days'], 3)).data?.settings).toEqual({
    retention: { payloads: { days: 3 } },
  })
})

function lines(text: string): string[] {
  return text.split('\n')
}
