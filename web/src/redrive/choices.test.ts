import { expect, test } from 'vitest'
import type { PlanView, RunView } from '~/api/types'
import { buttonText, lacks, opening, redriveRequest, retryRequest, totals } from './choices'

const run = {
  status: 'failure',
  steps: [
    { step: 'pull', status: 'success', failed_payloads: [] },
    { step: 'send', status: 'failure', failed_payloads: [{ id: 'p_1' }] },
  ],
} as unknown as RunView

test('a failed run opens with what failed', () => {
  const choices = opening({ kind: 'retry' }, run, true)
  expect([choices.start, choices.step, lacks(choices)]).toEqual(['failed', 'send', null])
  expect(retryRequest(choices, false)).toEqual({
    from: 'failed',
    delivery: null,
    reason: null,
    confirm: false,
  })
})

test('a run that did not fail is retried from the start', () => {
  expect(opening({ kind: 'retry' }, run, false).start).toBe('start')
})

test('a place that was asked for is kept, with payload and items', () => {
  const choices = opening(
    { kind: 'redrive', step: 'pull', place: 'after', payloads: ['p_1'], items: '#3' },
    run,
    true,
  )
  expect(redriveRequest(choices, true)).toMatchObject({
    after: 'pull',
    at: null,
    payloads: ['p_1'],
    items: '#3',
    version: 'original',
    confirm: true,
  })
})

test('other data makes edits void', () => {
  const choices = {
    ...opening({ kind: 'redrive', step: 'send' }, run, true),
    itemEdits: { p_1: { 3: '{}' } },
  }
  expect(redriveRequest(choices, false).item_edits).toEqual({ p_1: { 3: '{}' } })
  expect(redriveRequest({ ...choices, with: 'other', payloads: ['p_9'] }, false).item_edits).toEqual({})
  expect(lacks({ ...choices, with: 'other' })).toMatch(/data/)
})

test('sending all wants a reason', () => {
  const choices = { ...opening({ kind: 'retry' }, run, true), delivery: 'send_all' as const }
  expect(lacks(choices)).toMatch(/why/)
  expect(lacks({ ...choices, reason: 'the target lost them' })).toBeNull()
})

test('plans add up, and what is not known is not guessed', () => {
  const plan = (to_send: number | null): PlanView =>
    ({ steps: [{ step: 's', to_send, delivered: 40, changed: 1, unknown: null }] }) as unknown as PlanView
  expect(totals([plan(10), plan(5)])).toMatchObject({
    send: 15,
    delivered: 80,
    changed: 2,
    unknown: 0,
    steps: 2,
  })
  expect(buttonText('Retry', totals([plan(10)]), 1)).toBe('Retry: send 10 items')
  expect(buttonText('Retry', totals([plan(10), plan(null)]), 2)).toBe('Retry 2 runs')
  expect(buttonText('Redrive', totals([plan(0)]), 1)).toBe('Redrive: nothing to send')
})
