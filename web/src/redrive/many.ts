/** Does the same for many, a few at a time, and tells of each as it ends. */

export type Outcome<T> =
  | { state: 'waits' }
  | { state: 'works' }
  | { state: 'done'; value: T }
  | { state: 'failed'; problem: unknown }

const AT_ONCE = 4

/** `tell` gets each outcome as it changes. Ends when all have ended, or at once when `signal` says so. */
export async function forEach<T>(
  ids: readonly string[],
  work: (id: string, signal: AbortSignal) => Promise<T>,
  tell: (id: string, outcome: Outcome<T>) => void,
  signal: AbortSignal,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < ids.length && !signal.aborted) {
      const id = ids[next++] as string
      tell(id, { state: 'works' })
      try {
        const value = await work(id, signal)
        if (!signal.aborted) tell(id, { state: 'done', value })
      } catch (problem) {
        if (!signal.aborted) tell(id, { state: 'failed', problem })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.length) }, worker))
}
