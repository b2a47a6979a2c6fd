import { expect, test } from 'vitest'
import type { BulkView } from '~/api/types'
import { isOver, tallyOf, tallyOfRun } from './tally'

const BULK: BulkView = {
  id: 'k1',
  kind: 'retry',
  state: 'running',
  actor: 'ann',
  at: '2026-11-23T10:00:00Z',
  ended_at: null,
  per_minute: null,
  runs: 5,
  waiting: 1,
  started: 3,
  refused: 1,
  under_way: 1,
  success: 1,
  failed: 1,
}

test('what was refused has ended too', () => {
  expect(tallyOf(BULK)).toEqual({ all: 5, ended: 3, success: 1, other: 1, refused: 1, state: 'running' })
})

test('a job is over when nothing of it goes on', () => {
  expect(isOver(BULK)).toBe(false)
  expect(isOver({ ...BULK, ended_at: '2026-11-23T10:01:00Z' })).toBe(false)
  expect(isOver({ ...BULK, ended_at: '2026-11-23T10:01:00Z', under_way: 0 })).toBe(true)
})

test('one run has ended or not', () => {
  expect(tallyOfRun('running')).toMatchObject({ all: 1, ended: 0 })
  expect(tallyOfRun('success')).toMatchObject({ ended: 1, success: 1, other: 0 })
  expect(tallyOfRun('stopped')).toMatchObject({ ended: 1, success: 0, other: 1 })
})
