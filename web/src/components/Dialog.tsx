/** A dialog in the middle of the page, or a panel at its side. Focus goes in, stays in, and comes back. */

import { Dialog as Base } from '@base-ui/react/dialog'
import type { ReactNode } from 'react'
import { Icon } from './Icon'

interface Props {
  open: boolean
  onClose(): void
  title: ReactNode
  /** A sentence under the title, read out with it. */
  about?: ReactNode
  /** Buttons at the foot. */
  actions?: ReactNode
  /** `panel` comes from the right side and is as high as the page. */
  as?: 'dialog' | 'panel'
  size?: 'normal' | 'wide' | 'full'
  children: ReactNode
}

export function Dialog({
  open,
  onClose,
  title,
  about,
  actions,
  as = 'dialog',
  size = 'normal',
  children,
}: Props) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={`popup ${as} ${size}`}>
          <header>
            <div>
              <Base.Title className="popup-title">{title}</Base.Title>
              {about && <Base.Description className="quiet">{about}</Base.Description>}
            </div>
            <Base.Close className="icon-button" aria-label="Close">
              <Icon name="cross" />
            </Base.Close>
          </header>
          <div className="popup-body">{children}</div>
          {actions && <footer>{actions}</footer>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
