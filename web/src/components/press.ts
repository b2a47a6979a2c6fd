import type { MouseEvent } from 'react'

/** Whether a row itself was pressed: not a control in it, nor a menu that it has opened elsewhere on the page. */
export function isOwn(event: MouseEvent): boolean {
  const target = event.target as HTMLElement
  return event.currentTarget.contains(target) && target.closest('a,button,input,label') === null
}
