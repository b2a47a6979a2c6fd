/** Works on many things, a few at a time; one that fails stops none of the others. */

export interface Result<T, R> {
  of: T
  value?: R
  error?: unknown
}

const AT_ONCE = 4

export async function side<T, R>(
  things: readonly T[],
  work: (thing: T) => Promise<R>,
  onResult?: (done: number) => void,
): Promise<Result<T, R>[]> {
  const results: Result<T, R>[] = things.map((of) => ({ of }))
  let next = 0
  let done = 0
  const worker = async (): Promise<void> => {
    while (next < results.length) {
      const result = results[next++] as Result<T, R>
      try {
        result.value = await work(result.of)
      } catch (thrown) {
        result.error = thrown
      }
      onResult?.(++done)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, things.length) }, worker))
  return results
}
