import { Popover as Base } from '@base-ui/react/popover'
import { type ReactNode, useState } from 'react'

interface Props {
  label: string
  trigger: ReactNode
  className?: string
  /** What stands in it; it is given the way to close it. */
  children(close: () => void): ReactNode
}

/** A button that opens a small form beside it. */
export function Popover({ label, trigger, className, children }: Props) {
  const [open, setOpen] = useState(false)
  return (
    <Base.Root open={open} onOpenChange={setOpen}>
      <Base.Trigger className={className ?? 'icon-button'} aria-label={label} title={label}>
        {trigger}
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner className="positioner" align="start" sideOffset={4}>
          <Base.Popup className="popover" aria-label={label}>
            {children(() => setOpen(false))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
