import type { ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

/** A place where nothing is, and what to do about it. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
    </div>
  )
}
