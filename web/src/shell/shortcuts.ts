/** Keys that work on every page. Pages add their own with `useKeys`. */

import { useEffect, useRef } from 'react'

export interface Keys {
  /** `j`, `Enter`, `Shift+Enter`, `g h` (one after the other), `Mod+k` (Ctrl or Command). */
  [key: string]: () => void
}

const AFTER_MS = 1200

export const GO: [keys: string, to: string, what: string][] = [
  ['g h', '/', 'Home'],
  ['g r', '/runs', 'Run log'],
  ['g f', '/flows', 'Flows'],
  ['g q', '/queue', 'Queue'],
  ['g c', '/connections', 'Connections'],
  ['g s', '/settings', 'Settings'],
]

/** Whether keys are typed into something there: then they are text, not commands. */
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.closest('[data-keys=own]') !== null
  )
}

export function keyName(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
): string {
  const modifier = event.ctrlKey || event.metaKey ? 'Mod+' : ''
  const shift = event.shiftKey && event.key.length > 1 ? 'Shift+' : ''
  return `${modifier}${event.altKey ? 'Alt+' : ''}${shift}${event.key}`
}

/** Calls what belongs to a key, or to two pressed after each other. Not while the user types, nor in a dialog. */
export function useKeys(keys: Keys, active = true): void {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    if (!active) return
    let before = ''
    let at = 0
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing) return
      const name = keyName(event)
      if (!name.startsWith('Mod+') && typing(event.target)) return
      if (
        document.querySelector('[role=dialog][data-open], [role=alertdialog][data-open], [role=menu]') !==
        null
      )
        return
      const two = event.timeStamp - at < AFTER_MS ? `${before} ${name}` : ''
      const act = latest.current[two] ?? latest.current[name]
      before = name
      at = event.timeStamp
      if (act === undefined) return
      event.preventDefault()
      act()
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [active])
}

export function useShortcuts(_path: string, does: { help(): void; go(to: string): void }): void {
  useKeys({
    '?': does.help,
    ...Object.fromEntries(GO.map(([keys, to]) => [keys, () => does.go(to)])),
  })
}
