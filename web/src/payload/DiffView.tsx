/** A payload beside another one: which items differ, and how each of them does. */

import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { call } from '~/api/client'
import type { ItemDifference as Difference, PayloadDetail, PayloadDiff } from '~/api/types'
import { Button } from '~/components/Button'
import { Empty } from '~/components/Empty'
import { Input } from '~/components/Field'
import { count, plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { HistoryPicker } from './HistoryPicker'
import { outline, spread } from './lexer'
import css from './payload.module.css'

const SideBySide = lazy(() => import('./SideBySide'))
const ITEM_BYTES = 256 * 1024

interface Props {
  detail: PayloadDetail
  other: string
  onOther(other: string): void
}

export function DiffView({ detail, other, onOther }: Props) {
  const [key, setKey] = useState('')
  const [picking, setPicking] = useState(other === '')
  const [typed, setTyped] = useState('')
  return (
    <div className={css.scroll}>
      <div className={css.bar}>
        <span>
          <strong>Before</strong> <code>{other || 'none yet'}</code>
        </span>
        <span>
          <strong>After</strong> <code>{detail.id}</code>
        </span>
        <Button onClick={() => setPicking(!picking)}>{picking ? 'Keep it' : 'Compare with another'}</Button>
      </div>
      {picking && (
        <section className={css.boxed} aria-label="Payload to compare with">
          <HistoryPicker
            run={detail.run}
            flow={null}
            onPick={(one) => {
              onOther(one.id)
              setPicking(false)
            }}
          />
          <form
            className={css.bar}
            onSubmit={(event) => {
              event.preventDefault()
              if (typed.trim()) {
                onOther(typed.trim())
                setPicking(false)
              }
            }}
          >
            <Input
              aria-label="Id of a payload"
              placeholder="or the id of a payload"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
            <Button type="submit">Compare</Button>
          </form>
        </section>
      )}
      {other !== '' && (
        <Compared before={other} after={detail.id} fieldKey={key} onKey={setKey} media={detail.media_type} />
      )}
    </div>
  )
}

function Compared({
  before,
  after,
  fieldKey,
  onKey,
  media,
}: {
  before: string
  after: string
  fieldKey: string
  onKey(key: string): void
  media: string
}) {
  const [chosen, setChosen] = useState(0)
  const [typed, setTyped] = useState(fieldKey)
  const found = useQuery({
    queryKey: ['diff', before, after, fieldKey],
    queryFn: ({ signal }) =>
      call('GET /api/v1/payloads/{payload_id}/diff', {
        path: { payload_id: before },
        query: { after, key: fieldKey || null },
        signal,
      }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (!found.data) return <Loading what="Comparing" />
  const data = found.data as PayloadDiff
  if (data.same) {
    return (
      <Empty icon="check" title="The same bytes">
        Both payloads hold the very same content.
      </Empty>
    )
  }
  const one = data.differences[chosen] ?? data.differences[0]
  return (
    <>
      <div className={css.bar}>
        <span role="status">
          {plural(data.changed, 'item')} changed, {count(data.added)} added, {count(data.removed)} removed,{' '}
          {count(data.equal)} equal
        </span>
        <form
          className={css.goTo}
          onSubmit={(event) => {
            event.preventDefault()
            onKey(typed.trim())
          }}
        >
          <label>
            Same item by{' '}
            <Input
              value={typed}
              placeholder={data.key ?? 'order'}
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
        </form>
      </div>
      {one === undefined ? (
        <Empty icon="check" title="The items are the same">
          They stand in another order, or what is around them differs.
        </Empty>
      ) : (
        <div className={css.compared}>
          <ul className={css.differences} aria-label="Items that differ">
            {data.differences.slice(0, 500).map((difference, index) => (
              <li key={`${difference.before}-${difference.after}`}>
                <button
                  type="button"
                  className={`${css.difference} ${difference === one ? css.active : ''}`}
                  aria-pressed={difference === one}
                  onClick={() => setChosen(index)}
                >
                  <span className={`badge ${TONE[difference.kind]}`}>{difference.kind}</span>{' '}
                  {difference.key ?? `item ${difference.before ?? difference.after}`}
                </button>
              </li>
            ))}
            {(data.more || data.differences.length > 500) && <li className="quiet small">and more</li>}
          </ul>
          <Pair before={before} after={after} one={one} media={media} />
        </div>
      )}
    </>
  )
}

const TONE: Record<Difference['kind'], string> = { changed: 'warn', added: 'good', removed: 'bad' }

function Pair({
  before,
  after,
  one,
  media,
}: {
  before: string
  after: string
  one: Difference
  media: string
}) {
  const left = useItem(before, one.before)
  const right = useItem(after, one.after)
  if (left.error || right.error) return <ProblemNote error={left.error ?? right.error} />
  if (left.data === undefined || right.data === undefined) return <Loading />
  const json = /json/.test(media)
  const lines = (text: string): string => {
    if (!json || text === '') return text
    const read = outline(text)
    return read.broken ? text : spread(read)
  }
  return (
    <Suspense fallback={<Loading />}>
      <SideBySide
        key={`${one.before}-${one.after}`}
        before={lines(left.data)}
        after={lines(right.data)}
        label="The item before and after"
        language={json ? 'json' : 'text'}
      />
    </Suspense>
  )
}

function useItem(payload: string, item: number | null) {
  return useQuery({
    queryKey: ['item', payload, item],
    enabled: true,
    queryFn: async ({ signal }) => {
      if (item === null) return ''
      const found = await call('GET /api/v1/payloads/{payload_id}/window', {
        path: { payload_id: payload },
        query: { start: item, stop: item + 1, item_bytes: ITEM_BYTES },
        signal,
      })
      return found.items[0]?.text ?? ''
    },
  })
}
