import { expect, test } from 'vitest'
import { foundAt } from './find'

test('ids lead to what they name', () => {
  expect(foundAt(' r0cnaswsnz9yjn ')).toEqual({ to: '/runs/r0cnaswsnz9yjn' })
  expect(foundAt('p0cnaswv9dakqv')).toEqual({ to: '/payloads/p0cnaswv9dakqv' })
})

test('anything else is looked for, as it is spelt', () => {
  expect(foundAt('1042')).toEqual({ to: '/find', search: { value: '1042' } })
  expect(foundAt('  ')).toBeNull()
})
