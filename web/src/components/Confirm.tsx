/** Asks before something is taken away or set going, and shows in place why it was refused. */

import { type ReactNode, useState } from 'react'
import { Button } from './Button'
import { Dialog } from './Dialog'
import { Field, Input } from './Field'
import type { IconName } from './Icon'
import { ProblemNote } from './ProblemNote'

interface Props {
  title: string
  about?: ReactNode
  /** The verb on the button. */
  action: string
  icon?: IconName
  danger?: boolean
  /** What has to be typed before the button works: for what cannot be undone. */
  typed?: string
  /** Does it; the dialog closes when it has been done. */
  act(): Promise<unknown>
  onClose(): void
  children?: ReactNode
}

export function Confirm({ title, about, action, icon, danger, typed, act, onClose, children }: Props) {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const [text, setText] = useState('')
  const go = async (): Promise<void> => {
    setBusy(true)
    setFault(null)
    try {
      await act()
      onClose()
    } catch (thrown) {
      setFault(thrown)
      setBusy(false)
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      about={about}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind={danger ? 'danger' : 'primary'}
            icon={icon ?? (danger ? 'trash' : undefined)}
            busy={busy}
            disabled={typed !== undefined && text.trim() !== typed}
            onClick={() => void go()}
          >
            {action}
          </Button>
        </>
      }
    >
      {children}
      {typed !== undefined && (
        <Field label={`Type ${typed} to go on`}>
          <Input value={text} onChange={(event) => setText(event.target.value)} />
        </Field>
      )}
      {fault !== null && <ProblemNote error={fault} />}
    </Dialog>
  )
}
