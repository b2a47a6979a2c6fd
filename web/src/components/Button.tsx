import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: 'plain' | 'primary' | 'danger' | 'bare'
  icon?: IconName
  /** Work is under way: the button says so and takes no second press. */
  busy?: boolean
  children?: ReactNode
}

export function Button({ kind = 'plain', icon, busy, children, className, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      className={`button ${kind} ${className ?? ''}`}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon && <Icon name={icon} size={16} />}
      {children}
    </button>
  )
}

/** A button that is only an icon: `label` is its name, and its tooltip. */
export function IconButton({ label, icon, className, ...rest }: Props & { label: string; icon: IconName }) {
  return (
    <button
      type="button"
      className={`icon-button ${className ?? ''}`}
      aria-label={label}
      title={label}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  )
}
