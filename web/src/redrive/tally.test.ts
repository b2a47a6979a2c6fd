import { expect, test } from 'vitest'
import { tally } from './tally'

test('what was refused has ended too', () => {
  expect(
    tally([
      { state: 'done', status: 'success' },
      { state: 'done', status: 'running' },
      { state: 'done', status: 'failure' },
      { state: 'failed', status: null },
      { state: 'waits', status: null },
    ]),
  ).toEqual({ all: 5, ended: 3, success: 1, other: 1, refused: 1 })
})
