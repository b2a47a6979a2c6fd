import { expect, test } from 'vitest'
import { faultOf, oidcAddress } from './ways'

test('a sign-in leads back to where one wanted to go, without the fault of the last', () => {
  expect(oidcAddress('/runs', '?status=failure&sign_in=sign_in.failed')).toBe(
    '/api/v1/oidc/start?to=%2Fruns%3Fstatus%3Dfailure',
  )
  expect(oidcAddress('/', '')).toBe('/api/v1/oidc/start?to=%2F')
})

test('a failed sign-in is told; what is no code is not repeated', () => {
  expect(faultOf('')).toBeNull()
  expect(faultOf('?sign_in=sign_in.failed')).toContain('(sign_in.failed)')
  expect(faultOf('?sign_in=<b>x</b>')).toBe('The sign-in at the identity provider failed.')
})
