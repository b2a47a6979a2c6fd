import type { ReactNode } from 'react'

/** Text as it stands, in a box that scrolls, by keyboard too. `label` names it. */
export function Pre({
  label,
  className,
  children,
}: {
  label: string
  className?: string
  children: ReactNode
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <pre className={className} tabIndex={0} role="region" aria-label={label}>
      {children}
    </pre>
  )
}
