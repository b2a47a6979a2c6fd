/** A payload as a tree: a flat list of the values that are open, of which only those in sight are drawn. */

import { type RefObject, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState } from 'react'
import { CopyButton } from '~/components/CopyButton'
import { Checkbox } from '~/components/Field'
import { bytes } from '~/components/format'
import { Icon } from '~/components/Icon'
import { toast } from '~/components/Toasts'
import { useHighlight } from './highlight'
import type { ItemStore } from './itemStore'
import { NUMBER, OBJECT, opens, outlineSoon, STRING, WORD } from './lexer'
import css from './payload.module.css'
import { pathOf, summary } from './places'
import { has, type Ranges } from './ranges'
import { allOpen, type OpenItem, opened, openTo, type Row, Rows, toggled } from './rows'
import { type RowsHandle, VirtualRows } from './VirtualRows'

const ROW = 24
const MOST_INDENT = 24
const MOST_VALUE = 400

export interface TreeHandle {
  /** Opens an item, and in it the place where a text stands. */
  show(item: number, text?: string): void
}

interface Props {
  store: ItemStore
  total: number
  /** The document is no list: there is nothing to choose. */
  single: boolean
  chosen: Ranges
  onChoose(item: number, how: 'toggle' | 'upto'): void
  term: string
  handle: RefObject<TreeHandle | null>
  onItem(item: number): void
}

export function TreeView({ store, total, single, chosen, onChoose, term, handle, onItem }: Props) {
  const [open, setOpen] = useState<ReadonlyMap<number, OpenItem>>(new Map())
  const [active, setActive] = useState(0)
  const rows = useMemo(() => new Rows(total, open), [total, open])
  const list = useRef<RowsHandle>(null)
  const box = useRef<HTMLDivElement>(null)
  const latest = useRef(rows)
  latest.current = rows

  const read = useCallback(
    async (item: number): Promise<OpenItem | null> => {
      try {
        const whole = await store.whole(item)
        return whole === undefined ? null : opened(await outlineSoon(whole.text))
      } catch (thrown) {
        toast.problem(thrown)
        return null
      }
    },
    [store],
  )
  const put = useCallback((item: number, made: OpenItem | null): void => {
    setOpen((before) => {
      const next = new Map(before)
      if (made === null) next.delete(item)
      else next.set(item, made)
      return next
    })
  }, [])
  const [aim, setAim] = useState<{ item: number; place: number } | null>(null)
  const go = useCallback((item: number, place = 0): void => setAim({ item, place }), [])
  useEffect(() => {
    // Drawn together with the item that was opened for it: its row is there.
    if (aim === null) return
    const row = latest.current.rowOf(aim.item, aim.place)
    setActive(row)
    list.current?.show(row)
  }, [aim])
  const show = useCallback(
    async (item: number, text?: string): Promise<void> => {
      let made = await read(item)
      let place = 0
      if (made !== null && text) {
        const at = made.read.text.toLowerCase().indexOf(text.toLowerCase())
        if (at >= 0) {
          const [next, value] = openTo(made, at)
          made = next
          place = next.shown.indexOf(value)
        }
      }
      put(item, made)
      go(item, place)
    },
    [read, put, go],
  )
  useImperativeHandle(handle, () => ({ show: (item, text) => void show(item, text) }), [show])
  useEffect(() => {
    if (single) void read(0).then((made) => put(0, made))
  }, [single, read, put])

  const seen = useCallback(
    (first: number, stop: number) => {
      const now = latest.current
      if (stop > first) store.need(now.at(first).item, now.at(stop - 1).item + 1)
    },
    [store],
  )
  useHighlight(box, term, [rows, active])

  const press = async (row: Row, wide = false): Promise<void> => {
    const item = open.get(row.item)
    if (item === undefined) {
      const made = await read(row.item)
      put(row.item, made !== null && wide ? allOpen(made, 0) : made)
    } else if (wide) put(row.item, allOpen(item, row.value))
    else if (row.value === 0 && !single) put(row.item, null)
    else put(row.item, toggled(item, row.value))
  }
  const isOpen = (row: Row): boolean | undefined => {
    const item = open.get(row.item)
    if (item === undefined) return false
    return opens(item.read.kind[row.value]) ? item.open.has(row.value) : undefined
  }
  const key = (event: React.KeyboardEvent, at: number): void => {
    const row = rows.at(at)
    const now = isOpen(row)
    if (event.key === ' ' || event.key === 'x') onChoose(row.item, event.shiftKey ? 'upto' : 'toggle')
    else if (event.key === 'ArrowRight' && now === false) void press(row)
    else if (event.key === '*' && now !== undefined) void press(row, true)
    else if (event.key === 'ArrowLeft') {
      if (now) void press(row)
      else {
        const item = open.get(row.item)
        const depth = item?.read.depth[row.value] ?? 0
        let place = row.place
        while (item && place > 0 && (item.read.depth[item.shown[place] as number] as number) >= depth) place--
        setActive(rows.rowOf(row.item, place))
      }
    } else if (event.key === 'Enter') void press(row)
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (event.shiftKey) onChoose(row.item, 'upto')
      return
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  const at = rows.at(Math.min(active, Math.max(0, total - 1)))
  const rowId = (row: number): string => `tree-row-${row}`
  const draw = (number: number) => {
    const row = rows.at(number)
    const now = isOpen(row)
    const item = open.get(row.item)
    const depth = item ? (item.read.depth[row.value] as number) : 0
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: keys act on the tree, which has the focus
      <div
        key={number}
        id={rowId(number)}
        role="treeitem"
        tabIndex={-1}
        aria-level={depth + 1}
        aria-expanded={now}
        aria-selected={has(chosen, row.item)}
        className={`${css.row} ${number === active ? css.active : ''} ${!single && has(chosen, row.item) ? css.chosen : ''}`}
        style={{ height: ROW, paddingLeft: 8 + Math.min(depth, MOST_INDENT) * 16 }}
        onClick={(event) => {
          setActive(number)
          onItem(row.item)
          if ((event.target as HTMLElement).closest('input')) return
          if (event.shiftKey && !single) onChoose(row.item, 'upto')
          else if (now !== undefined && window.getSelection()?.isCollapsed !== false)
            void press(row, event.altKey)
        }}
      >
        {row.value === 0 && !single && (
          <Checkbox
            hidden
            label={`Choose item ${row.item}`}
            tabIndex={-1}
            checked={has(chosen, row.item)}
            onChange={() => onChoose(row.item, 'toggle')}
          />
        )}
        <span className={css.twisty} aria-hidden="true">
          {now !== undefined && <Icon name={now ? 'down' : 'right'} size={13} />}
        </span>
        {depth > MOST_INDENT && <span className={css.level}>{depth}</span>}
        {row.value === 0
          ? !single && <span className={css.number}>{row.item}</span>
          : item && <Name item={item} value={row.value} />}
        {item ? (
          <Value item={item} value={row.value} open={now === true} />
        ) : (
          <Preview text={store.get(row.item)?.text} size={store.get(row.item)?.size_bytes} />
        )}
      </div>
    )
  }
  return (
    <div className={css.fill} ref={box}>
      <VirtualRows
        total={rows.total}
        rowHeight={ROW}
        role="tree"
        label="Items of the payload"
        active={active}
        onActive={(row) => {
          setActive(row)
          onItem(rows.at(row).item)
        }}
        onKey={key}
        onSeen={seen}
        row={draw}
        rowId={rowId}
        handle={list}
        multiselectable
      />
      <Foot item={open.get(at.item)} row={at} single={single} text={store.get(at.item)?.text} />
    </div>
  )
}

function Name({ item, value }: { item: OpenItem; value: number }) {
  const { read } = item
  const from = read.keyStart[value] as number
  if (from < 0) return <span className={css.quiet}>–</span>
  const end = read.keyEnd[value] as number
  const key = read.text.slice(from + 1, Math.min(end - 1, from + MOST_VALUE))
  return (
    <>
      <span className={css.key} title={end - from > MOST_VALUE ? bytes(end - from) : undefined}>
        {key}
        {end - 1 > from + MOST_VALUE && '…'}
      </span>
      <span className={css.quiet}>:</span>
    </>
  )
}

const TONES: Record<number, string | undefined> = {
  [STRING]: css.string,
  [NUMBER]: css.digits,
  [WORD]: css.word,
}

function Value({ item, value, open }: { item: OpenItem; value: number; open: boolean }) {
  const { read } = item
  const kind = read.kind[value] as number
  const size = read.size[value] as number
  if (opens(kind) && open) {
    const [left, right] = kind === OBJECT ? ['{', '}'] : ['[', ']']
    return (
      <span className={css.quiet}>
        {left} {size}{' '}
        {kind === OBJECT ? (size === 1 ? 'field' : 'fields') : size === 1 ? 'element' : 'elements'} {right}
      </span>
    )
  }
  return (
    <span className={`${css.value} ${TONES[kind] ?? css.quiet}`}>{summary(read, value, MOST_VALUE)}</span>
  )
}

function Preview({ text, size }: { text: string | undefined; size: number | undefined }) {
  if (text === undefined) return <span className={css.waiting}>…</span>
  return (
    <>
      <span className={`${css.value} ${css.plain}`}>{text.slice(0, MOST_VALUE).replace(/\s+/g, ' ')}</span>
      {size !== undefined && size > 10_000 && <span className={css.size}>{bytes(size)}</span>}
    </>
  )
}

const MOST_SHOWN = 65_536

/** The value that is active, whole and as stored, and how it is called. */
function Foot({
  item,
  row,
  single,
  text,
}: {
  item: OpenItem | undefined
  row: Row
  single: boolean
  text?: string | undefined
}) {
  const value = item
    ? item.read.text.slice(item.read.start[row.value], item.read.end[row.value])
    : (text ?? '')
  const path = item && row.value > 0 ? pathOf(item.read, row.value) : ''
  const name = `${single ? '' : `item ${row.item}`}${path && !single ? ' · ' : ''}${path}` || 'the document'
  return (
    <div className={css.foot}>
      <div className={css.footHead}>
        <code className="one-line grow" title={name}>
          {name}
        </code>
        <CopyButton label="Copy the value" text={value} />
      </div>
      <pre
        role="region"
        className={css.footValue}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        tabIndex={0}
        aria-label="The value as stored"
      >
        {value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}[trimmed]` : value}
      </pre>
    </div>
  )
}
