import { describe, expect, test } from 'vitest'
import type { RunRow, StepRunView } from '~/api/types'
import {
  deletable,
  filtered,
  folded,
  instantOf,
  merged,
  patched,
  queryOf,
  shortly,
  stepToShow,
  tabToShow,
  waterfall,
  whereOf,
} from './model'

const NOW = Date.parse('2026-11-23T12:00:30Z')

function run(id: string, more: Partial<RunRow> = {}): RunRow {
  return { id, flow: 'orders', status: 'failure', summary: '', healed_by: null, ...more } as RunRow
}

function failed(id: string, detail: string, more: Partial<RunRow> = {}): RunRow {
  const cause = { step: 'send', code: 'remote.rejected', title: '', detail, keys: 1, payloads: 1 }
  return run(id, { brief: { payloads: 0, items: 0, size_bytes: 0, delivered: 0, cause } as never, ...more })
}

function step(name: string, more: Partial<StepRunView> = {}): StepRunView {
  return { step: name, status: 'success', counts: {}, error: null, ...more } as StepRunView
}

describe('the address', () => {
  test('holds filters that the call asks for', () => {
    const view = { status: 'failure', version: '3', warnings: 'yes', healed: 'no', order: 'oldest', odd: 'x' }
    expect(queryOf(view, NOW)).toEqual({
      status: 'failure',
      version: 3,
      warnings: true,
      unhealed: true,
      oldest: true,
    })
  })

  test('a time ago is to the minute, so that the same view is the same call', () => {
    expect(instantOf('24h', NOW)).toBe('2026-11-22T12:00:00.000Z')
    expect(instantOf('2026-11-01T00:00:00Z', NOW)).toBe('2026-11-01T00:00:00.000Z')
    expect(instantOf('soonish', NOW)).toBeUndefined()
  })
})

describe('equal causes', () => {
  const rows = [
    failed('r9', 'order 1042 refused'),
    run('r8', { status: 'success' }),
    failed('r7', 'order 7 refused'),
  ]

  test('are one entry at the place of the newest', () => {
    const entries = folded(rows, new Set())
    expect(entries.map((one) => [one.row.id, one.same.map((row) => row.id)])).toEqual([
      ['r9', ['r7']],
      ['r8', []],
    ])
  })

  test('are spread out under it when it is opened', () => {
    expect(folded(rows, new Set(['r9'])).map((one) => one.row.id)).toEqual(['r9', 'r7', 'r8'])
  })

  test('a failure that was made good folds with none', () => {
    expect(folded([failed('r9', 'a'), failed('r8', 'a', { healed_by: 'r9' })], new Set())).toHaveLength(2)
  })

  test('another step or flow is another cause', () => {
    expect(folded([failed('r9', 'a'), failed('r8', 'a', { flow: 'stock' })], new Set())).toHaveLength(2)
  })
})

describe('live', () => {
  test('new rows come in, and those further down stay', () => {
    const old = [run('r3'), run('r2'), run('r1')]
    expect(merged(old, [run('r4'), run('r3')], false).map((row) => row.id)).toEqual(['r4', 'r3', 'r2', 'r1'])
  })

  test('a row that fits no longer goes', () => {
    const old = [run('r4'), run('r3'), run('r2'), run('r1')]
    expect(merged(old, [run('r4'), run('r2')], false).map((row) => row.id)).toEqual(['r4', 'r2', 'r1'])
  })

  test('a whole list is what was read', () => {
    expect(merged([run('r4'), run('r1')], [run('r4')], true).map((row) => row.id)).toEqual(['r4'])
    expect(merged([run('r1')], [], true)).toEqual([])
  })

  test('a row that changes keeps what the list told of it', () => {
    const before = failed('r1', 'a', { status: 'running' })
    expect(patched([before], run('r1'))[0]).toMatchObject({ status: 'failure', brief: before.brief })
  })
})

describe('one run', () => {
  const at = (second: number): string => new Date(NOW + second * 1000).toISOString()

  test('its steps stand in its time', () => {
    const steps = [
      step('pull', { started_at: at(0), duration_s: 5 }),
      step('kept', { started_at: at(0), status: 'kept', duration_s: 5 }),
      step('send', { started_at: at(5), duration_s: 5 }),
      step('after', { status: 'pending' }),
    ]
    expect(waterfall({ started_at: at(0), finished_at: at(10), steps }, NOW)).toEqual([
      { left: 0, width: 50 },
      null,
      { left: 50, width: 50 },
      null,
    ])
  })

  test('a step that takes no time can be seen', () => {
    const steps = [step('a', { started_at: at(10), duration_s: 0 })]
    expect(waterfall({ started_at: at(0), finished_at: at(10), steps }, NOW)).toEqual([
      { left: 99, width: 1 },
    ])
  })

  test('it opens at the step that failed, with what failed', () => {
    const steps = [
      step('pull'),
      step('send', { status: 'failure', counts: { failed_payloads: 1 } }),
      step('x', { status: 'pending' }),
    ]
    expect(stepToShow(steps)).toBe('send')
    expect(tabToShow(steps[1] as StepRunView)).toBe('failed')
    expect(stepToShow([step('pull'), step('x', { status: 'pending' })])).toBe('pull')
  })
})

test('a message begins with what tells most', () => {
  expect(shortly("endpoint 'take' of connection 'erp' answered 422 No")).toBe('erp/take answered 422 No')
  expect(shortly('assert failed')).toBe('assert failed')
})

test('a label and a tracked value stand in the address too', () => {
  expect(queryOf({ label: 'erp', value: '1042' }, NOW)).toEqual({ label: 'erp', value: '1042' })
  expect(filtered({ value: '1042' })).toBe(true)
  expect(whereOf({ status: 'failure', order: 'oldest', since: '1h' }, NOW)).toEqual({
    status: 'failure',
    since: new Date(Math.floor((NOW - 3_600_000) / 60_000) * 60_000).toISOString(),
  })
})

test('what is pinned or goes on is not deleted', () => {
  const rows = [
    { id: 'r1', status: 'success', pinned: false },
    { id: 'r2', status: 'failure', pinned: true },
    { id: 'r3', status: 'running', pinned: false },
    { id: 'r4', status: 'stopped', pinned: false },
  ] as const
  expect(deletable(rows, new Set(['r4']))).toEqual({ runs: ['r1'], pinned: 1, unfinished: 1 })
})
