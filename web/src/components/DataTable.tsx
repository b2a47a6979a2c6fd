/** A table of any length: only the rows that are seen are drawn. Filters stand on the column heads. */

import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { useKeys } from '~/shell/shortcuts'
import { Checkbox } from './Field'
import { Icon } from './Icon'
import { Popover } from './Popover'
import { isOwn } from './press'

export interface Column<Row> {
  id: string
  head: string
  /** A CSS width; without one the column shares what is left. */
  width?: string
  align?: 'right'
  cell(row: Row): ReactNode
  /** The form of the column's filter, opened from its head. */
  filter?(close: () => void): ReactNode
  /** The filter is set: the head says so. */
  filtered?: boolean
  /** Left out on narrow screens. */
  wide?: boolean
}

interface Props<Row> {
  label: string
  rows: readonly Row[]
  columns: Column<Row>[]
  rowKey(row: Row): string
  /** Enter or a click on the row. Links and buttons within keep their own meaning. */
  onOpen?(row: Row): void
  selected?: ReadonlySet<string>
  onSelect?(selected: ReadonlySet<string>): void
  /** The end is near: fetch more. */
  onEnd?(): void
  rowHeight?: number
  rowClass?(row: Row): string
  /** Stands under the head where there are no rows. */
  empty?: ReactNode
  /** Stands under the last row. */
  foot?: ReactNode
  /** What is shown is what was asked for before; the answer is on its way. */
  busy?: boolean
  /** What the rows are of: other filters or another order begin at the top again. */
  of?: string
}

export function DataTable<Row>(props: Props<Row>) {
  const { rows, columns, rowKey, selected, onSelect, rowHeight = 44 } = props
  const box = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState(-1)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    getItemKey: (index) => {
      const row = rows[index]
      return row === undefined ? index : rowKey(row)
    },
  })
  const drawn = virtual.getVirtualItems()
  const first = drawn[0]
  const last = drawn.at(-1)
  const { onEnd } = props

  useEffect(() => {
    if (last && last.index >= rows.length - 10) onEnd?.()
  }, [last, rows.length, onEnd])

  const { of } = props
  const before = useRef(of)
  useEffect(() => {
    if (before.current === of) return
    before.current = of
    setActive(-1)
    box.current?.scrollTo(0, 0)
  }, [of])

  const choose = (key: string, on: boolean): void => {
    const next = new Set(selected)
    if (on) next.add(key)
    else next.delete(key)
    onSelect?.(next)
  }
  const move = (by: number): void => {
    const index = Math.min(rows.length - 1, Math.max(0, active + by))
    setActive(index)
    virtual.scrollToIndex(index)
    requestAnimationFrame(() => {
      box.current?.querySelector<HTMLElement>(`tr[data-index="${index}"]`)?.focus({ preventScroll: true })
    })
  }
  const at = (): Row | undefined => rows[active]
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => {
      const row = at()
      if (row !== undefined && selected) choose(rowKey(row), !selected.has(rowKey(row)))
    },
  })

  const all = useMemo(() => {
    if (!selected || rows.length === 0) return false
    const many = rows.filter((row) => selected.has(rowKey(row))).length
    return many === rows.length ? true : many > 0 ? ('some' as const) : false
  }, [rows, selected, rowKey])

  return (
    <div className="table-box" ref={box}>
      <table
        className="table"
        aria-label={props.label}
        aria-rowcount={rows.length}
        aria-busy={props.busy || undefined}
      >
        <colgroup>
          {onSelect && <col className="col-select" />}
          {columns.map((column) => (
            <col
              key={column.id}
              style={{ width: column.width }}
              className={`col-${column.id}${column.wide ? ' wide-only' : ''}`}
            />
          ))}
        </colgroup>
        <thead>
          <tr>
            {onSelect && (
              <th scope="col">
                <Checkbox
                  hidden
                  label="Select all that are listed"
                  checked={all}
                  onChange={(on) => onSelect(on ? new Set(rows.map(rowKey)) : new Set())}
                />
              </th>
            )}
            {columns.map((column) => (
              <th key={column.id} scope="col" className={classes(column)}>
                {column.filter ? (
                  <Popover
                    label={`Filter by ${column.head.toLowerCase()}`}
                    className={`head-button${column.filtered ? ' filtered' : ''}`}
                    trigger={
                      <>
                        {column.head} <Icon name={column.filtered ? 'filter' : 'down'} size={13} />
                      </>
                    }
                  >
                    {(close) => column.filter?.(close)}
                  </Popover>
                ) : (
                  column.head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first && first.start > 0 && (
            <tr className="spacer" style={{ height: first.start }}>
              <td />
            </tr>
          )}
          {drawn.map((item) => {
            const row = rows[item.index]
            if (row === undefined) return null
            const key = rowKey(row)
            return (
              <tr
                key={item.key}
                data-index={item.index}
                data-key={key}
                aria-rowindex={item.index + 1}
                aria-selected={selected ? selected.has(key) : undefined}
                tabIndex={item.index === Math.max(0, active) ? 0 : -1}
                style={{ height: rowHeight }}
                className={`${props.onOpen ? 'opens ' : ''}${selected?.has(key) ? 'chosen ' : ''}${props.rowClass?.(row) ?? ''}`}
                onFocus={() => setActive(item.index)}
                onKeyDown={(event) => {
                  if (event.key === 'Enter' && event.target === event.currentTarget) props.onOpen?.(row)
                }}
                onClick={(event) => {
                  if (isOwn(event)) props.onOpen?.(row)
                }}
              >
                {onSelect && (
                  <td className="cell-select">
                    <Checkbox
                      hidden
                      label={`Select ${key}`}
                      checked={selected?.has(key) ?? false}
                      tabIndex={-1}
                      onChange={(on) => choose(key, on)}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.id} className={classes(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            )
          })}
          {last && last.end < virtual.getTotalSize() && (
            <tr className="spacer" style={{ height: virtual.getTotalSize() - last.end }}>
              <td />
            </tr>
          )}
        </tbody>
      </table>
      {rows.length === 0 && props.empty}
      {props.foot}
    </div>
  )
}

function classes<Row>(column: Column<Row>): string | undefined {
  const names = [column.align === 'right' && 'right', column.wide && 'wide-only'].filter(Boolean)
  return names.join(' ') || undefined
}
