import { expect, test } from 'vitest'
import { before, freeId, idsOf, newStep, type ShapeOf, stepsOf, walk } from './graphModel'
import { type Box, layout, nearest, neighbour } from './layout'
import { read } from './reading'

const SHAPES = new Map(
  [
    ['try', ['steps', 'catch']],
    ['route', ['paths[].steps', 'otherwise.steps']],
    ['branch', ['paths[].steps']],
    ['filter', []],
  ].map(([shape, owns]) => [shape as string, { shape, owns_steps: owns } as unknown as ShapeOf]),
)

const TEXT = `
flow: orders
steps:
  - {id: pull, shape: connector}
  - id: where
    shape: route
    paths:
      - id: uk
        when: {field: country, is: GB}
        steps:
          - {id: uk-form, shape: map}
          - id: careful
            shape: try
            steps: [{id: send-uk, shape: connector}]
            catch: []
      - {id: eu, when: {field: country, is: DE}, steps: []}
    otherwise: {steps: [{id: rest, shape: filter}]}
  - {id: done, shape: notify, skip: true}
`
const STEPS = stepsOf(read(TEXT).data, SHAPES)

test('the tree holds every step once, in the order of the document', () => {
  expect(walk(STEPS).map((step) => step.id)).toEqual([
    'pull',
    'where',
    'uk-form',
    'careful',
    'send-uk',
    'rest',
    'done',
  ])
  expect(STEPS[1]?.paths.map((path) => [path.kind, path.label])).toEqual([
    ['path', 'uk'],
    ['path', 'eu'],
    ['otherwise', 'otherwise'],
  ])
  expect(STEPS[2]?.skip).toBe(true)
})

test('the step before is the one whose bucket comes in', () => {
  const of = (id: string) => before(STEPS, id)?.id
  expect([of('pull'), of('uk-form'), of('careful'), of('send-uk'), of('rest'), of('done')]).toEqual([
    undefined,
    'pull',
    'uk-form',
    'uk-form',
    'pull',
    'where',
  ])
})

test('no two boxes overlap, and each place has one line', () => {
  const made = layout(STEPS)
  for (const one of made.boxes) {
    for (const other of made.boxes)
      if (one !== other) expect(apart(one, other), `${one.id} ${other.id}`).toBe(true)
    expect(one.x).toBeGreaterThanOrEqual(-0.01)
  }
  const places = made.lines.flatMap((line) => (line.place ? [JSON.stringify(line.place)] : []))
  expect(new Set(places).size).toBe(places.length)
  // A list of n steps has n + 1 places: 3, 2, 0, 1, 1, 0 steps.
  expect(places.length).toBe(4 + 3 + 1 + 2 + 2 + 1)
})

test('a thing let go finds the nearest line', () => {
  const made = layout(STEPS)
  const eu = made.boxes.find((one) => one.path?.label === 'eu') as Box
  const found = nearest(made.lines, eu.x + eu.width / 2, eu.y + eu.height + 30)
  expect(found?.place).toEqual({ list: ['steps', 1, 'paths', 1, 'steps'], index: 0 })
})

test('arrows lead along the steps and between the paths', () => {
  const made = layout(STEPS)
  const id = (step: string) =>
    made.boxes.find((one) => one.kind === 'step' && one.step?.id === step)?.id ?? ''
  expect(neighbour(made, id('pull'), 'ArrowDown')?.step?.id).toBe('where')
  expect(neighbour(made, id('uk-form'), 'ArrowRight')?.step?.id).toBe('rest')
  expect(neighbour(made, id('uk-form'), 'ArrowDown')?.step?.id).toBe('careful')
  expect(neighbour(made, '', 'ArrowDown')?.step?.id).toBe('pull')
})

test('new ids are free', () => {
  expect(freeId('flow_control', new Set(['flow-control', 'flow-control-2']))).toBe('flow-control-3')
  expect([...idsOf(STEPS)]).toContain('eu')
  const step = newStep('branch', {}, undefined, new Set(['path-1']))
  expect(step.paths).toEqual([
    { id: 'path-2', steps: [] },
    { id: 'path-3', steps: [] },
  ])
})

function apart(one: Box, other: Box): boolean {
  return (
    one.x + one.width <= other.x + 0.01 ||
    other.x + other.width <= one.x + 0.01 ||
    one.y + one.height <= other.y + 0.01 ||
    other.y + other.height <= one.y + 0.01
  )
}
