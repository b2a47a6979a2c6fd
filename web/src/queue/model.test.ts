import { expect, test } from 'vitest'
import type { BulkView, PauseView, QueueItem } from '~/api/types'
import { beside, bulkTold, byReason, heading, isPaused, nameOfPause, toShow } from './model'

const row = (kind: QueueItem['kind']) => ({ kind }) as QueueItem

test('reasons are counted, most first', () => {
  expect(byReason([row('turn'), row('paused'), row('paused')])).toEqual([
    { kind: 'paused', many: 2 },
    { kind: 'turn', many: 1 },
  ])
})

test('what is paused is named, and known by its kind and name', () => {
  const pauses = [{ kind: 'flow', name: 'orders' }] as PauseView[]
  expect(nameOfPause({ kind: 'all', name: '' })).toBe('everything')
  expect(nameOfPause({ kind: 'flow', name: 'orders' })).toBe('flow orders')
  expect(isPaused(pauses, 'flow', 'orders')).toBe(true)
  expect(isPaused(pauses, 'connection', 'orders')).toBe(false)
  expect(isPaused(pauses, 'all')).toBe(false)
})

test('the heading counts, and says where it has not counted all', () => {
  expect(heading(0, false)).toBe('Nothing waits')
  expect(heading(1, false)).toBe('1 run waits')
  expect(heading(100, true)).toBe('100 runs or more wait')
})

test('the scale of priorities has ends', () => {
  expect(beside('regular', -1)).toBe('high')
  expect(beside('lowest', 1)).toBeNull()
  expect(beside('odd', 1)).toBeNull()
})

const BULK = {
  id: 'k1',
  kind: 'retry',
  state: 'paused',
  ended_at: null,
  runs: 20,
  waiting: 17,
  started: 3,
  refused: 0,
  under_way: 1,
  success: 2,
  failed: 0,
} as BulkView

test('a job tells what is to come and how the rest ended', () => {
  expect(bulkTold(BULK)).toBe('paused, 17 to come, 1 under way, 2 in success')
  expect(bulkTold({ ...BULK, state: 'cancelled' })).toContain('cancelled, 17 not started')
  expect(bulkTold({ ...BULK, state: 'ended', waiting: 0, under_way: 0 })).toBe('2 in success')
})

test('jobs that ended long ago are not shown', () => {
  const now = Date.parse('2026-11-23T12:00:00Z')
  const ended = (at: string): BulkView => ({ ...BULK, under_way: 0, ended_at: at })
  const shown = toShow([BULK, ended('2026-11-23T11:30:00Z'), ended('2026-11-23T09:30:00Z')], now)
  expect(shown).toHaveLength(2)
})
