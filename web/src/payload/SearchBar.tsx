/** Searches in the whole payload, on the server; its hits lead to the place. */

import { useEffect, useRef, useState } from 'react'
import { call } from '~/api/client'
import type { Hit } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { bytes, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import css from './payload.module.css'

interface Props {
  payload: string
  term: string
  onTerm(term: string): void
  onHit(hit: Hit): void
}

interface Found {
  hits: Hit[]
  searched: number
  size: number
  next: number | null
}

export function SearchBar({ payload, term, onTerm, onHit }: Props) {
  const [typed, setTyped] = useState(term)
  const [found, setFound] = useState<Found | null>(null)
  const [problem, setProblem] = useState<unknown>(null)
  const [at, setAt] = useState(-1)
  const [busy, setBusy] = useState(false)
  const running = useRef<AbortController | null>(null)
  const hitOut = useRef(onHit)
  hitOut.current = onHit

  const look = async (text: string, from: Found | null): Promise<void> => {
    running.current?.abort()
    const asked = new AbortController()
    running.current = asked
    setProblem(null)
    if (text === '') {
      setFound(null)
      setBusy(false)
      return
    }
    setBusy(true)
    let start = from?.next ?? 0
    const hits = from ? [...from.hits] : []
    const first = hits.length
    try {
      // One call searches for about a second: go on until there is something to show.
      for (;;) {
        const page = await call('GET /api/v1/payloads/{payload_id}/search', {
          path: { payload_id: payload },
          query: { text, start, limit: 100 },
          signal: asked.signal,
        })
        hits.push(...page.hits)
        setFound({ hits: [...hits], searched: page.searched_bytes, size: page.size_bytes, next: page.next })
        if (page.next === null || hits.length >= first + 100) break
        start = page.next
      }
      const hit = hits[first]
      if (hit) {
        setAt(first)
        hitOut.current(hit)
      }
    } catch (thrown) {
      if (!asked.signal.aborted) setProblem(thrown)
    }
    if (running.current === asked) setBusy(false)
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another term or payload searches again
  useEffect(() => {
    setTyped(term)
    setAt(-1)
    void look(term, null)
    return () => running.current?.abort()
  }, [payload, term])

  const go = (to: number): void => {
    const hit = found?.hits[to]
    if (hit) {
      setAt(to)
      onHit(hit)
    } else if (found && to >= found.hits.length && found.next !== null) void look(term, found)
  }
  return (
    <div className={css.search}>
      <form
        role="search"
        className={css.searchForm}
        onSubmit={(event) => {
          event.preventDefault()
          if (typed === term && found) go(at + 1 < found.hits.length || found.next !== null ? at + 1 : 0)
          else onTerm(typed)
        }}
      >
        <Icon name="search" size={15} />
        <input
          type="search"
          aria-label="Search in this payload"
          placeholder="Search in this payload"
          value={typed}
          maxLength={1000}
          spellCheck={false}
          onChange={(event) => {
            setTyped(event.target.value)
            if (event.target.value === '') onTerm('')
          }}
        />
        {term !== '' && (
          <>
            <span role="status" className="quiet small">
              {busy && found
                ? `${bytes(found.searched)} of ${bytes(found.size)}`
                : found
                  ? found.hits.length === 0
                    ? 'Nowhere'
                    : `${at + 1} of ${plural(found.hits.length, 'hit')}${found.next !== null ? ' or more' : ''}`
                  : 'Searching…'}
            </span>
            <IconButton label="Hit before" icon="up" disabled={at <= 0} onClick={() => go(at - 1)} />
            <IconButton
              label="Next hit"
              icon="down"
              disabled={!found || found.hits.length === 0}
              onClick={() => go(at + 1)}
            />
          </>
        )}
      </form>
      {problem !== null && <ProblemNote error={problem} />}
      {found && found.hits.length > 1 && (
        <ul className={css.hits} aria-label="Hits">
          {found.hits.map((hit, index) => (
            <li key={hit.offset}>
              <button
                type="button"
                className={`${css.hit} ${index === at ? css.active : ''}`}
                onClick={() => go(index)}
              >
                <span className={css.number}>
                  {hit.item === null ? `byte ${hit.offset}` : `item ${hit.item}`}
                </span>
                <span className={css.hitText}>
                  {hit.before.slice(-24)}
                  <mark>{hit.text}</mark>
                  {hit.after.slice(0, 60)}
                </span>
              </button>
            </li>
          ))}
          {found.next !== null && !busy && (
            <li>
              <Button kind="bare" onClick={() => void look(term, found)}>
                Search on from {bytes(found.searched)}
              </Button>
            </li>
          )}
        </ul>
      )}
    </div>
  )
}
