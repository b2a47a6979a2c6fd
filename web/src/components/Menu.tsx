/** A button that opens a list of things to do. */

import { Menu as Base } from '@base-ui/react/menu'
import type { ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

export interface MenuAction {
  label: string
  icon?: IconName
  act?(): void
  /** Follows a link instead; with `download` its bytes are saved. */
  href?: string
  download?: boolean
  checked?: boolean
  disabled?: boolean
  /** Why it is disabled, or what it does. */
  hint?: string
  danger?: boolean
}

interface Props {
  label: string
  trigger?: ReactNode
  items: (MenuAction | 'line')[]
  className?: string
}

export function Menu({ label, trigger, items, className }: Props) {
  return (
    <Base.Root>
      <Base.Trigger className={className ?? 'icon-button'} aria-label={label} title={label}>
        {trigger ?? <Icon name="dots" />}
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner className="positioner" align="end" sideOffset={4}>
          <Base.Popup className="menu">
            {items.map((item, index) =>
              item === 'line' ? (
                <Base.Separator key={index} className="menu-line" />
              ) : (
                <Item key={item.label} item={item} />
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

function Item({ item }: { item: MenuAction }) {
  const inner = (
    <>
      <span className="menu-icon">
        {item.checked ? <Icon name="check" size={16} /> : item.icon && <Icon name={item.icon} size={16} />}
      </span>
      {item.label}
    </>
  )
  const className = `menu-item${item.danger ? ' danger' : ''}`
  if (item.href !== undefined) {
    return (
      <Base.Item
        className={className}
        render={<a href={item.href} download={item.download} />}
        title={item.hint}
      >
        {inner}
      </Base.Item>
    )
  }
  return (
    <Base.Item className={className} disabled={item.disabled} title={item.hint} onClick={() => item.act?.()}>
      {inner}
    </Base.Item>
  )
}
