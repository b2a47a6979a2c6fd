import { expect, test } from 'vitest'
import { type ShapeOf, type Step, stepsOf, walk } from './graphModel'
import { type Path, read } from './reading'
import { addPath, duplicate, move, remove, set } from './steps'

const SHAPES = new Map([['branch', { shape: 'branch', owns_steps: ['paths[].steps'] } as unknown as ShapeOf]])
const TEXT = `flow: a
steps:
  - {id: first, shape: merge}
  - id: both
    shape: branch
    paths:
      # the one
      - id: one
        steps:
          - id: x
            shape: split   # by lines
            at: lines
`
const ids = (text: string): string[] => walk(stepsOf(read(text).data, SHAPES)).map((step) => step.id)
const named = (text: string, id: string): Step =>
  walk(stepsOf(read(text).data, SHAPES)).find((step) => step.id === id) as Step

test('a copy brings its paths, comments included, and gets ids of its own', () => {
  const done = duplicate(TEXT, named(TEXT, 'both'), SHAPES)
  expect(ids(done.text)).toEqual(['first', 'both', 'x', 'both-2', 'x-2'])
  expect(done.text.startsWith(TEXT.trimEnd())).toBe(true)
  expect(done.text).toContain('      # the one\n      - id: one-2\n')
  expect(done.text).toContain('          - id: x-2\n            shape: split   # by lines\n')
  expect(done.chosen).toEqual(['steps', 2])
})

test('a step goes into a path, and is chosen where it came to', () => {
  const to = { list: ['steps', 1, 'paths', 0, 'steps'] as Path, index: 1 }
  const done = move(TEXT, named(TEXT, 'first'), to)
  expect(ids(done.text)).toEqual(['both', 'x', 'first'])
  expect(done.chosen).toEqual(['steps', 0, 'paths', 0, 'steps', 1])
})

test('the step that is chosen after a removal is its neighbour', () => {
  expect(remove(TEXT, named(TEXT, 'first')).chosen).toEqual(['steps', 0])
  expect(remove(TEXT, named(TEXT, 'x')).chosen).toBeNull()
})

test('paths are added and taken away', () => {
  const more = addPath(TEXT, named(TEXT, 'both'), 'path', SHAPES)
  expect(more.startsWith(TEXT.trimEnd())).toBe(true)
  expect(named(more, 'both').paths.map((path) => path.label)).toEqual(['one', 'path'])
  expect(named(set(more, ['steps', 1, 'paths', 1], undefined), 'both').paths).toHaveLength(1)
})
