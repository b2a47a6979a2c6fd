/** The shapes that can be added: searched, grouped, dragged or chosen by keyboard. */

import { type KeyboardEvent, useMemo, useRef, useState } from 'react'
import type { ShapeView } from '~/api/types'
import { Input } from '~/components/Field'
import { Icon } from '~/components/Icon'
import { shapeIcon } from './boxes'
import css from './flow.module.css'

/** What is needed most stands first. */
const ORDER = ['systems', 'items', 'payload', 'flow control', 'paths', 'checks']

interface Props {
  shapes: readonly ShapeView[]
  /** Takes the focus when it is shown. */
  eager?: boolean
  onChoose(shape: string): void
}

export function Palette({ shapes, eager, onChoose }: Props) {
  const [text, setText] = useState('')
  const list = useRef<HTMLDivElement>(null)
  const groups = useMemo(() => grouped(shapes, text), [shapes, text])
  const move = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement) {
      const first = groups[0]?.[1][0]
      if (first) onChoose(first.shape)
      event.preventDefault()
      return
    }
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by === 0) return
    event.preventDefault()
    const all = [...(list.current?.querySelectorAll<HTMLButtonElement>('button') ?? [])]
    const index = all.indexOf(document.activeElement as HTMLButtonElement)
    all[Math.max(0, Math.min(all.length - 1, index + by))]?.focus()
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: arrows lead through the buttons within
    <div className={css.palette} onKeyDown={move}>
      <Input
        type="search"
        aria-label="Search shapes"
        placeholder="Search shapes"
        value={text}
        autoFocus={eager}
        onChange={(event) => setText(event.target.value)}
      />
      <div ref={list} className={css.shapes}>
        {groups.map(([group, found]) => (
          <section key={group} aria-label={group}>
            <h3>{group}</h3>
            <ul>
              {found.map((one) => (
                <li key={one.shape}>
                  <button
                    type="button"
                    className={css.shape}
                    draggable
                    title={one.summary}
                    aria-label={`Add ${one.shape}`}
                    onDragStart={(event) => {
                      event.dataTransfer.setData('application/x-redrive-shape', one.shape)
                      event.dataTransfer.effectAllowed = 'copyMove'
                    }}
                    onClick={() => onChoose(one.shape)}
                  >
                    <Icon name={shapeIcon(one.shape)} size={16} /> {one.shape}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {groups.length === 0 && <p className="quiet small">No shape is called so.</p>}
      </div>
    </div>
  )
}

function grouped(shapes: readonly ShapeView[], text: string): [string, ShapeView[]][] {
  const wanted = text.trim().toLowerCase().replaceAll(' ', '_')
  const score = (one: ShapeView): number =>
    one.shape.startsWith(wanted) ? 0 : one.shape.includes(wanted) ? 1 : 2
  const found = shapes
    .filter((one) => score(one) < 2 || one.summary.toLowerCase().includes(text.trim().toLowerCase()))
    .sort((a, b) => score(a) - score(b))
  const groups = new Map<string, ShapeView[]>()
  for (const one of found) groups.set(one.group, [...(groups.get(one.group) ?? []), one])
  const rank = (group: string): number => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length)
  return wanted === '' ? [...groups].sort(([a], [b]) => rank(a) - rank(b)) : [...groups]
}
