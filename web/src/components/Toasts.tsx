/** Short notes at the foot of the page: done, or a problem. They are read out, and stay long enough. */

import { type ReactNode, useSyncExternalStore } from 'react'
import { asProblem } from '~/api/problem'
import { IconButton } from './Button'
import { Icon } from './Icon'
import { ProblemNote } from './ProblemNote'

interface Note {
  id: number
  body: ReactNode
  kind: 'done' | 'problem'
}

const DONE_MS = 6_000

let notes: readonly Note[] = []
let last = 0
const listeners = new Set<() => void>()

function set(next: readonly Note[]): void {
  notes = next
  for (const listener of listeners) listener()
}

function add(kind: Note['kind'], body: ReactNode): void {
  const id = ++last
  set([...notes.slice(-3), { id, kind, body }])
  if (kind === 'done') setTimeout(() => close(id), DONE_MS)
}

function close(id: number): void {
  set(notes.filter((note) => note.id !== id))
}

export const toast = {
  /** Something was done. */
  done: (body: ReactNode): void => add('done', body),
  /** Something failed; it stays until it is closed. A call that the user broke off is no problem. */
  problem: (thrown: unknown): void => {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') return
    if (asProblem(thrown).status === 401) return // the sign-in page says it
    add('problem', <ProblemNote error={thrown} />)
  },
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => notes,
  )
  return (
    <div className="toasts" role="region" aria-label="Notes" aria-live="polite">
      {shown.map((note) => (
        <div key={note.id} className={`toast ${note.kind}`}>
          {note.kind === 'done' && <Icon name="check" />}
          <div>{note.body}</div>
          <IconButton label="Close the note" icon="cross" onClick={() => close(note.id)} />
        </div>
      ))}
    </div>
  )
}
