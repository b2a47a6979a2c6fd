/** A list of records as a table: a row for each item, a column for each field. */

import { useCallback, useMemo, useRef, useState } from 'react'
import type { ItemText } from '~/api/types'
import { Checkbox } from '~/components/Field'
import { type Cells, cellsOf, columnsOf, delimiterOf, fieldsOf } from './columns'
import { useHighlight } from './highlight'
import type { ItemStore } from './itemStore'
import css from './payload.module.css'
import { has, type Ranges } from './ranges'
import { type RowsHandle, VirtualRows } from './VirtualRows'

const ROW = 30
const COLUMN = 170
const FIRST = 84

interface Props {
  store: ItemStore
  total: number
  csv: boolean
  chosen: Ranges
  onChoose(item: number, how: 'toggle' | 'upto'): void
  onOpen(item: number): void
  term: string
}

export function TableView({ store, total, csv, chosen, onChoose, onOpen, term }: Props) {
  const [active, setActive] = useState(0)
  const list = useRef<RowsHandle>(null)
  const box = useRef<HTMLDivElement>(null)
  const kept = useRef(new WeakMap<ItemText, Cells>())
  const header = store.first?.head?.replace(/^\ufeff/, '').replace(/[\r\n]+$/, '') ?? ''
  const delimiter = useMemo(() => delimiterOf(header), [header])
  const names = useMemo(() => (csv ? fieldsOf(header, delimiter) : []), [csv, header, delimiter])

  const cells = (item: number): Cells | null => {
    const found = store.get(item)
    if (found === undefined) return null
    let made = kept.current.get(found)
    if (made === undefined) {
      made = csv
        ? new Map(fieldsOf(found.text, delimiter).map((field, at) => [names[at] ?? `${at + 1}`, field]))
        : (cellsOf(found.text) ?? new Map<string, string>())
      kept.current.set(found, made)
    }
    return made
  }
  const first = Array.from({ length: Math.min(50, total) }, (_, item) => cells(item)).filter(
    (one) => one !== null,
  )
  const columns = csv && names.length > 0 ? names.slice(0, 40) : columnsOf(first)
  const width = FIRST + columns.length * COLUMN
  const seen = useCallback((from: number, stop: number) => store.need(from, stop), [store])
  useHighlight(box, term, [store.snapshot(), active])

  const rowId = (row: number): string => `table-row-${row}`
  const grid = { gridTemplateColumns: `${FIRST}px repeat(${columns.length}, ${COLUMN}px)` }
  const draw = (row: number) => {
    const found = cells(row)
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: keys act on the grid, which has the focus
      <div
        key={row}
        id={rowId(row)}
        role="row"
        tabIndex={-1}
        aria-rowindex={row + 2}
        aria-selected={has(chosen, row)}
        className={`${css.record} ${row === active ? css.active : ''} ${has(chosen, row) ? css.chosen : ''}`}
        style={{ height: ROW, ...grid }}
        onClick={(event) => {
          setActive(row)
          if ((event.target as HTMLElement).closest('input')) return
          if (event.shiftKey) onChoose(row, 'upto')
          else if (window.getSelection()?.isCollapsed !== false && event.detail === 2) onOpen(row)
        }}
      >
        <div role="rowheader" tabIndex={-1} className={css.cell}>
          <Checkbox
            hidden
            label={`Choose item ${row}`}
            tabIndex={-1}
            checked={has(chosen, row)}
            onChange={() => onChoose(row, 'toggle')}
          />{' '}
          <span className={css.number}>{row}</span>
        </div>
        {columns.map((name) => (
          <div role="gridcell" tabIndex={-1} key={name} className={css.cell} title={found?.get(name)}>
            {found === null ? '…' : (found.get(name) ?? '')}
          </div>
        ))}
      </div>
    )
  }
  return (
    <div className={css.fill} ref={box}>
      <VirtualRows
        total={total}
        rowHeight={ROW}
        role="grid"
        label="Items as a table"
        active={active}
        onActive={setActive}
        onKey={(event, row) => {
          if (event.key === ' ' || event.key === 'x') onChoose(row, event.shiftKey ? 'upto' : 'toggle')
          else if (event.key === 'Enter') onOpen(row)
          else if (event.shiftKey) onChoose(row, 'upto')
          else return
          event.preventDefault()
        }}
        onSeen={seen}
        row={draw}
        rowId={rowId}
        handle={list}
        width={width}
        multiselectable
        head={
          <div
            role="row"
            tabIndex={-1}
            aria-rowindex={1}
            className={`${css.record} ${css.headRow}`}
            style={{ ...grid, width }}
          >
            <div role="columnheader" tabIndex={-1} className={css.cell}>
              Item
            </div>
            {columns.map((name) => (
              <div role="columnheader" tabIndex={-1} key={name} className={css.cell} title={name}>
                {name}
              </div>
            ))}
          </div>
        }
      />
    </div>
  )
}
