import { useState } from 'react'
import { IconButton } from './Button'
import { toast } from './Toasts'

/** Copies a text, or what `text()` gives when it is pressed. */
export function CopyButton({
  text,
  label = 'Copy',
}: {
  text: string | (() => string | Promise<string>)
  label?: string
}) {
  const [done, setDone] = useState(false)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : await text())
      setDone(true)
      setTimeout(() => setDone(false), 1500)
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  return (
    <IconButton label={done ? 'Copied' : label} icon={done ? 'check' : 'copy'} onClick={() => void copy()} />
  )
}
