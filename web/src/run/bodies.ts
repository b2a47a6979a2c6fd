/** The head of a body as text, as it is: never parsed and printed again. */

export const SHOWN_BYTES = 64 * 1024
export const TRIMMED = '[trimmed]'

/** At most 64 KiB; then `[trimmed]`, and no more is read. */
export async function headOf(answer: Response): Promise<string> {
  const reader = answer.body?.getReader()
  if (reader === undefined) return ''
  const parts: Uint8Array[] = []
  let size = 0
  let more = false
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    size += value.length
    if (size > SHOWN_BYTES) {
      more = true
      await reader.cancel()
      break
    }
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  const text = new TextDecoder().decode(bytes.subarray(0, SHOWN_BYTES))
  return more ? `${text}\n${TRIMMED}` : text
}
