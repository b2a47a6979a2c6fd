/** The payload view and the redrive dialog, wherever a page shows them. Both are fetched when first shown. */

import { lazy, Suspense } from 'react'
import type { RunsWhere } from '~/api/types'
import { Loading } from './Loading'

export interface PayloadPanelProps {
  payload: string
  run?: string
  step?: string
  side?: 'in' | 'out' | 'failed'
  /** The item to land on. */
  item?: number
  /** What was looked for: shown in the item. */
  value?: string
}

export interface RedriveDialogProps {
  /** One run, or several at once. */
  runs: string[]
  /** All that fit these filters; `runs` then are some of them. */
  where?: RunsWhere | undefined
  /** What it opens with. */
  kind: 'retry' | 'redrive'
  step?: string
  place?: 'at' | 'after'
  payloads?: string[]
  items?: string
  onClose(): void
  onStarted?(runs: string[]): void
}

const Payload = lazy(() => import('../payload/PayloadPanel'))
const Redrive = lazy(() => import('../redrive/RedriveDialog'))

export function PayloadSlot(props: PayloadPanelProps) {
  return (
    <Suspense fallback={<Loading what="Opening the payload" />}>
      <Payload {...props} />
    </Suspense>
  )
}

export function RedriveSlot(props: RedriveDialogProps) {
  return (
    <Suspense fallback={null}>
      <Redrive {...props} />
    </Suspense>
  )
}
