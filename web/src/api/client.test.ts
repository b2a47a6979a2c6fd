import { expect, test } from 'vitest'
import { address } from './client'

test('parts of a path are encoded', () => {
  const path = { run_id: 'r_1', step: 'a/b?' }
  expect(address('/api/v1/runs/{run_id}/steps/{step}', path)).toBe('/api/v1/runs/r_1/steps/a%2Fb%3F')
})

test('what is not asked for is left out', () => {
  const query = { text: '', flow: 'a b', since: null, limit: 5, cursor: undefined }
  expect(address('/api/v1/runs', {}, query)).toBe('/api/v1/runs?flow=a+b&limit=5')
})
