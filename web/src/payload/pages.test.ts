import { expect, test } from 'vitest'
import { characterAt, hex, PAGE_BYTES, pageCount, pageText, wanted } from './pages'

test('pages together are the whole, whatever stands at their ends', () => {
  for (const shift of [0, 1, 2, 3]) {
    const whole = `${'a'.repeat(PAGE_BYTES - shift)}€😀${'é'.repeat(PAGE_BYTES)}😀`
    const bytes = new TextEncoder().encode(whole)
    let text = ''
    for (let page = 0; page < pageCount(bytes.length); page++) {
      const [first, last] = wanted(page, bytes.length)
      const found = pageText(page, bytes.subarray(first, last + 1), bytes.length)
      expect(found.odd).toBe(false)
      text += found.text
    }
    expect(text).toBe(whole)
  }
})

test('bytes that are no text are marked', () => {
  expect(pageText(0, new Uint8Array([65, 0xff, 66]), 3)).toMatchObject({ text: 'A\ufffdB', odd: true })
})

test('a byte is found in the text', () => {
  const bytes = new TextEncoder().encode('é😀x')
  expect(characterAt(pageText(0, bytes, bytes.length), bytes, 6)).toBe(3)
})

test('bytes are written as numbers and letters', () => {
  expect(hex(new Uint8Array([0, 65, 255]), 16)).toBe(`00000010  ${'00 41 ff'.padEnd(48)} ·A·`)
})
