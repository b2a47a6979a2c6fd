/** The form that starts a run, wherever a page shows it; fetched when it is first shown. */

import { lazy, Suspense } from 'react'

export interface InitialiseDialogProps {
  /** The flow to start; without one it is chosen in the dialog. */
  flow?: string
  /** A run whose payloads are offered first. */
  run?: string
  payloads?: string[]
  onClose(): void
  onStarted?(run: string): void
}

const Dialog = lazy(() => import('./InitialiseDialog'))

export function InitialiseSlot(props: InitialiseDialogProps) {
  return (
    <Suspense fallback={null}>
      <Dialog {...props} />
    </Suspense>
  )
}
