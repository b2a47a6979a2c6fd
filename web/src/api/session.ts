/** Whether this browser is signed in. The server says so in the page itself, so no call has to fail first. */

import { useSyncExternalStore } from 'react'

type Listener = () => void

class Session {
  private signedIn =
    typeof document !== 'undefined' &&
    document.querySelector('meta[name=redrive-session]')?.getAttribute('content') === 'yes'
  private listeners = new Set<Listener>()

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly current = (): boolean => this.signedIn

  /** A call was answered 401, or the user signed out. */
  ended(): void {
    this.set(false)
  }

  began(): void {
    this.set(true)
  }

  private set(signedIn: boolean): void {
    if (this.signedIn === signedIn) return
    this.signedIn = signedIn
    for (const listener of this.listeners) listener()
  }
}

export const session = new Session()

export function useSignedIn(): boolean {
  return useSyncExternalStore(session.subscribe, session.current)
}
