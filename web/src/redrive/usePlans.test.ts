import { expect, test } from 'vitest'
import { type Choices, opening } from './choices'
import { asBulk, bulkRequest, isMany } from './usePlans'

const CHOICES: Choices = opening({ kind: 'retry' }, null, true)

test('a filter or several runs are one job', () => {
  expect(isMany({ runs: ['r1'] })).toBe(false)
  expect(isMany({ runs: ['r1', 'r2'] })).toBe(true)
  expect(isMany({ runs: ['r1'], where: { status: 'failure' } })).toBe(true)
})

test('a job names its runs or the filter, never both', () => {
  const retry = { from: 'failed', delivery: null, reason: null, confirm: true }
  expect(bulkRequest({ runs: ['r1', 'r2'] }, CHOICES, true)).toEqual({
    runs: ['r1', 'r2'],
    retry,
    confirm: true,
  })
  const where = { status: 'failure' }
  expect(bulkRequest({ runs: ['r1'], where }, CHOICES, true)).toEqual({ where, retry, confirm: true })
  const at = bulkRequest({ runs: ['r1', 'r2'] }, { ...CHOICES, start: 'at', step: 'send' }, false)
  expect(at.redrive).toMatchObject({ at: 'send', after: null })
})

test('the plan of one run has the form of one of many', () => {
  const plan = {
    source_run: 'r1',
    start: { at: 'send' },
    version: 1,
    clock: '2026-11-23T10:00:00Z',
    skips: [],
    steps: [],
    warnings: ['send has no key'],
    confirm: 'it ended in success',
  }
  expect(asBulk(plan)).toMatchObject({
    able: 1,
    warnings: [{ text: 'send has no key', runs: 1 }],
    confirm: 'it ended in success',
  })
})
