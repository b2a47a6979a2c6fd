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

type Found<Props> = Record<string, () => Promise<{ default: ComponentType<Props> }>>

const Payload = found<PayloadPanelProps>(
  import.meta.glob('../payload/PayloadPanel.tsx') as Found<PayloadPanelProps>,
)
const Redrive = found<RedriveDialogProps>(
  import.meta.glob('../redrive/RedriveDialog.tsx') as Found<RedriveDialogProps>,
)

function found<Props>(modules: Found<Props>): ComponentType<Props> | null {
  const load = Object.values(modules)[0]
  return load ? (lazy(load) as unknown as ComponentType<Props>) : null
}

export function PayloadSlot(props: PayloadPanelProps) {
  if (Payload === null) return null
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
