/** The payload view and the redrive dialog, wherever a page shows them. Both are fetched when first shown. */

import { type ComponentType, lazy, Suspense } from 'react'
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
  /** What it opens with. */
  kind: 'retry' | 'redrive'
  step?: string
  place?: 'at' | 'after'
  payloads?: string[]
  items?: string
  onClose(): void
  onStarted?(runs: string[]): void
}

type Loader<Props> = () => Promise<{ default: ComponentType<Props> }>

const views = import.meta.glob('../payload/PayloadPanel.tsx') as Record<string, Loader<PayloadPanelProps>>
const dialogs = import.meta.glob('../redrive/RedriveDialog.tsx') as Record<string, Loader<RedriveDialogProps>>
const Payload = lazy(Object.values(views)[0] ?? (() => import('../run/PayloadText')))
const dialog = Object.values(dialogs)[0]
const Redrive = dialog ? lazy(dialog) : null

export const canRedrive = Redrive !== null

export function PayloadSlot(props: PayloadPanelProps) {
  return (
    <Suspense fallback={<Loading what="Opening the payload" />}>
      <Payload {...props} />
    </Suspense>
  )
}

export function RedriveSlot(props: RedriveDialogProps) {
  if (Redrive === null) return null
  return (
    <Suspense fallback={null}>
      <Redrive {...props} />
    </Suspense>
  )
}
