import { expect, test } from 'vitest'
import type { FindItem } from '~/api/types'
import { byRun, placeOf } from './model'

function item(run: string, step: string): FindItem {
  return {
    run,
    flow: 'orders',
    step,
    payload: 'p1',
    item: 7,
    field: 'id',
    value: '1042',
    delivery: null,
    at: '2026-11-23T10:00:00Z',
  }
}

test('the places of one run stand together, the newest run first', () => {
  const runs = byRun([item('r2', 'send'), item('r1', 'send'), item('r2', 'pull')])
  expect(runs.map((one) => [one.run, one.places.map((place) => place.step)])).toEqual([
    ['r2', ['send', 'pull']],
    ['r1', ['send']],
  ])
})

test('a place leads to the record itself', () => {
  expect(placeOf(item('r1', 'send'), '1042')).toEqual({
    to: '/runs/r1',
    search: { step: 'send', tab: 'out', payload: 'p1', item: '7', value: '1042' },
  })
  expect(placeOf({ ...item('r1', 'send'), delivery: 'rejected' }, '1042').search.tab).toBe('in')
})
