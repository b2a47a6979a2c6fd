import { expect, test } from 'vitest'
import type { PauseView, QueueItem } from '~/api/types'
import { beside, byReason, heading, isPaused, nameOfPause } from './model'

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
