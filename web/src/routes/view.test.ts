import { expect, test } from 'vitest'
import { changed, readView, writeView } from './view'

test('an address keeps the digits of what is looked for', () => {
  const view = { value: '123456789012345678901', flag: 'true' }
  expect(readView(writeView(view))).toEqual(view)
})

test('the plain view has the plain address', () => {
  expect(writeView({ status: '', flow: undefined })).toBe('')
})

test('a part that is emptied goes', () => {
  expect(changed({ status: 'failure', flow: 'a' }, { status: null, q: 'x' })).toEqual({ flow: 'a', q: 'x' })
})
