/** What undo and redo go through. Changes of the same thing in a row are one. */

export interface History {
  past: readonly string[]
  now: string
  future: readonly string[]
  /** What was changed last: the next change of the same is no new entry. */
  key: string | null
}

const MOST = 200

export function begun(text: string): History {
  return { past: [], now: text, future: [], key: null }
}

export function pushed(history: History, text: string, key: string | null = null): History {
  if (text === history.now) return history
  if (key !== null && key === history.key) return { ...history, now: text, future: [] }
  return { past: [...history.past, history.now].slice(-MOST), now: text, future: [], key }
}

export function undone(history: History): History {
  const last = history.past.at(-1)
  if (last === undefined) return history
  return { past: history.past.slice(0, -1), now: last, future: [history.now, ...history.future], key: null }
}

export function redone(history: History): History {
  const [next, ...future] = history.future
  if (next === undefined) return history
  return { past: [...history.past, history.now], now: next, future, key: null }
}
