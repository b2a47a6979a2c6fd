/** A payload as the text that is stored. First 64 KiB, which end in `[trimmed]`; the same view pages through the rest. */

import { useEffect, useRef, useState } from 'react'
import { send } from '~/api/client'
import { Button, IconButton } from '~/components/Button'
import { Input } from '~/components/Field'
import { bytes, count } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { useHighlight } from './highlight'
import { characterAt, hex, PAGE_BYTES, pageCount, pageOf, pageText, type TextPage, wanted } from './pages'
import css from './payload.module.css'

interface Props {
  payload: string
  size: number
  /** The bytes are no text: they are shown as numbers. */
  binary: boolean
  page: number
  onPage(page: number): void
  term: string
  /** A place to show: its first byte, and how many. */
  place: { offset: number; length: number } | null
}

interface Shown {
  page: TextPage
  bytes: Uint8Array
}

export function TextView({ payload, size, binary, page, onPage, term, place }: Props) {
  const [shown, setShown] = useState<Shown | null>(null)
  const [problem, setProblem] = useState<unknown>(null)
  const [again, setAgain] = useState(0)
  const box = useRef<HTMLPreElement>(null)
  const pages = pageCount(size)
  const number = Math.max(0, Math.min(page, pages - 1))

  // biome-ignore lint/correctness/useExhaustiveDependencies: `again` asks once more
  useEffect(() => {
    const asked = new AbortController()
    setProblem(null)
    void read(payload, number, size, asked.signal).then(
      (found) => {
        setShown(found)
        if (box.current) box.current.scrollTop = 0
      },
      (thrown) => asked.signal.aborted || setProblem(thrown),
    )
    return () => asked.abort()
  }, [payload, number, size, again])

  const here = shown && place && pageOf(place.offset) === shown.page.number && !binary ? place : null
  const exact =
    here && shown
      ? { from: characterAt(shown.page, shown.bytes, here.offset), length: term.length || here.length }
      : null
  useHighlight(box, binary ? '' : term, shown, useSame(exact))

  const trimmed = shown !== null && shown.page.stop < size
  return (
    <div className={css.fill}>
      {problem !== null && <ProblemNote error={problem} onRetry={() => setAgain(again + 1)} />}
      {shown === null && problem === null && <Loading what="Reading" />}
      {shown !== null && (
        <pre
          role="region"
          ref={box}
          className={`${css.text} ${binary ? css.hex : ''}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
          tabIndex={0}
          aria-label={`The text as stored, page ${number + 1} of ${pages}`}
        >
          {binary ? hex(shown.bytes.subarray(0, 8192), shown.page.first) : shown.page.text}
          {trimmed && <span className={css.trimmed}>[trimmed]</span>}
        </pre>
      )}
      {shown?.page.odd && !binary && (
        <p className={css.note}>
          Some bytes are no UTF-8 and are shown as �. A download has them as they are.
        </p>
      )}
      {pages > 1 && (
        <nav className={css.pager} aria-label="Pages of the payload">
          <IconButton label="First page" icon="up" disabled={number === 0} onClick={() => onPage(0)} />
          <Button icon="left" disabled={number === 0} onClick={() => onPage(number - 1)}>
            Back
          </Button>
          <input
            type="range"
            className="grow"
            aria-label="Place in the payload"
            aria-valuetext={`byte ${count(number * PAGE_BYTES)} of ${count(size)}`}
            min={0}
            max={pages - 1}
            value={number}
            onChange={(event) => onPage(Number(event.target.value))}
          />
          <label className={css.goTo}>
            Page{' '}
            <Input
              type="number"
              min={1}
              max={pages}
              value={number + 1}
              onChange={(event) => event.target.value !== '' && onPage(Number(event.target.value) - 1)}
            />{' '}
            of {count(pages)}
          </label>
          <span className="quiet small wide-only">
            {bytes(number * PAGE_BYTES)} of {bytes(size)}
          </span>
          <Button disabled={number >= pages - 1} onClick={() => onPage(number + 1)}>
            Go on
          </Button>
          <IconButton
            label="Last page"
            icon="down"
            disabled={number >= pages - 1}
            onClick={() => onPage(pages - 1)}
          />
        </nav>
      )}
    </div>
  )
}

async function read(payload: string, number: number, size: number, signal: AbortSignal): Promise<Shown> {
  if (size === 0) return { page: pageText(0, new Uint8Array(), 0), bytes: new Uint8Array() }
  const [first, last] = wanted(number, size)
  const answer = await send(`/api/v1/payloads/${encodeURIComponent(payload)}/content`, {
    headers: { Range: `bytes=${first}-${last}` },
    signal,
  })
  const found = new Uint8Array(await answer.arrayBuffer())
  return { page: pageText(number, found, size), bytes: found }
}

function useSame(exact: { from: number; length: number } | null) {
  const kept = useRef(exact)
  if (kept.current?.from !== exact?.from || kept.current?.length !== exact?.length) kept.current = exact
  return kept.current
}
