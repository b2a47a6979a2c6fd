/** Any number of rows of one height: only those that are seen are drawn. */

import {
  type ReactNode,
  type Ref,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from 'react'
import css from './payload.module.css'
import { barAt, MOST_HEIGHT, sight } from './scroll'

export interface RowsHandle {
  show(row: number): void
  readonly element: HTMLDivElement | null
}

interface Props {
  total: number
  rowHeight: number
  role: 'tree' | 'grid'
  label: string
  /** The row that keys act on; -1 for none. */
  active: number
  onActive(row: number): void
  onKey?(event: React.KeyboardEvent, row: number): void
  onSeen?(first: number, stop: number): void
  row(row: number): ReactNode
  /** Stands over the rows and scrolls sideways with them. */
  head?: ReactNode
  width?: number
  handle?: Ref<RowsHandle>
  rowId(row: number): string
  multiselectable?: boolean
}

export function VirtualRows(props: Props) {
  const { total, rowHeight, active, onActive, onSeen, handle } = props
  const box = useRef<HTMLDivElement>(null)
  const [scrollTop, setScrollTop] = useState(0)
  const [seen, setSeen] = useState(600)
  const now = sight(total, rowHeight, scrollTop, seen)

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const watch = new ResizeObserver(() => setSeen(element.clientHeight))
    watch.observe(element)
    return () => watch.disconnect()
  }, [])
  useEffect(() => onSeen?.(now.first, now.stop), [now.first, now.stop, onSeen])

  // Where the bar stands for many rows, the wheel still moves by rows.
  useEffect(() => {
    const element = box.current
    const whole = total * rowHeight
    if (element === null || whole <= MOST_HEIGHT) return
    const wheel = (event: WheelEvent): void => {
      if (event.ctrlKey || event.deltaMode !== 0) return
      event.preventDefault()
      element.scrollLeft += event.deltaX
      const step = (event.deltaY * (MOST_HEIGHT - seen)) / (whole - seen)
      element.scrollTop += Math.sign(step) * Math.max(1, Math.abs(step))
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  }, [total, rowHeight, seen])

  const show = useCallback(
    (row: number) => {
      const element = box.current
      if (element === null) return
      const view = sight(total, rowHeight, element.scrollTop, element.clientHeight)
      const top = view.top + (row - view.first) * rowHeight
      if (top < element.scrollTop || top + 2 * rowHeight > element.scrollTop + element.clientHeight) {
        const before = Math.floor(element.clientHeight / rowHeight / 3)
        element.scrollTop = barAt(total, rowHeight, Math.max(0, row - before), element.clientHeight)
        setScrollTop(element.scrollTop)
      }
    },
    [total, rowHeight],
  )
  useImperativeHandle(handle, () => ({ show, element: box.current }), [show])

  // A window that shrinks does not hide the row that keys act on.
  const before = useRef(seen)
  useEffect(() => {
    if (seen < before.current && active >= 0) show(active)
    before.current = seen
  }, [seen, active, show])

  const move = (to: number): void => {
    const row = Math.max(0, Math.min(total - 1, to))
    onActive(row)
    show(row)
  }
  const keys = (event: React.KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return
    const page = Math.max(1, Math.floor(seen / rowHeight) - 1)
    const steps: Record<string, number> = {
      ArrowDown: active + 1,
      j: active + 1,
      ArrowUp: active - 1,
      k: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: total - 1,
    }
    const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : steps[event.key]
    if (to !== undefined) {
      event.preventDefault()
      event.stopPropagation()
      if (event.shiftKey && props.onKey) props.onKey(event, active)
      move(to)
    } else props.onKey?.(event, active)
  }
  const rows: ReactNode[] = []
  for (let row = now.first; row < now.stop; row++) rows.push(props.row(row))
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: its role is a tree or a grid
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both have a name
    <div
      ref={box}
      className={css.rows}
      role={props.role}
      aria-label={props.label}
      aria-rowcount={props.role === 'grid' ? total : undefined}
      aria-multiselectable={props.multiselectable || undefined}
      aria-activedescendant={active >= now.first && active < now.stop ? props.rowId(active) : undefined}
      tabIndex={0}
      data-keys="own"
      onKeyDown={keys}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      {props.head}
      <div role="presentation" style={{ height: now.height, minWidth: props.width, position: 'relative' }}>
        <div role="presentation" style={{ position: 'absolute', insetInline: 0, top: now.top }}>
          {rows}
        </div>
      </div>
    </div>
  )
}
