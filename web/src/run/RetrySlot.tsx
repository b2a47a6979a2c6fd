/** The retry dialog, fetched when it is first opened. */

import { lazy, Suspense } from 'react'
import type { RetryProps } from './RetryDialog'

const Dialog = lazy(() => import('./RetryDialog'))

export function RetrySlot(props: RetryProps) {
  return (
    <Suspense fallback={null}>
      <Dialog {...props} />
    </Suspense>
  )
}
