/** Every run, step and item that holds a value. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call } from '~/api/client'
import type { FindItem } from '~/api/types'
import { Button } from '~/components/Button'
import { Empty } from '~/components/Empty'
import { Checkbox } from '~/components/Field'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { useTitle, useView } from '~/routes/hooks'
import css from './find.module.css'
import { byRun, OUTCOMES, placeOf } from './model'

export default function FindPage() {
  const [view, change] = useView()
  const value = view.value ?? ''
  useTitle(value ? `Find ${value}` : 'Find')
  const found = useInfiniteQuery({
    queryKey: ['find', value, view.everywhere ?? ''],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/find', {
        query: { value, everywhere: view.everywhere === 'yes', limit: 50, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    enabled: value !== '',
  })
  if (value === '') {
    return (
      <div className="page">
        <h1>Find</h1>
        <Empty icon="search" title="One box finds any value">
          Press <kbd>/</kbd> and type an order number, a SKU, an e-mail address, the id of a run or of a
          payload: the record is shown wherever it stood.
        </Empty>
      </div>
    )
  }
  const items = found.data?.pages.flatMap((page) => page.items) ?? []
  const runs = byRun(items)
  const note = found.data?.pages.find((page) => page.note)?.note
  return (
    <div className="page">
      <div className="page-head">
        <h1 className="one-line">
          {found.isSuccess && runs.length > 0
            ? `${plural(runs.length, 'run')}${found.hasNextPage ? ' or more' : ''} with `
            : 'Find '}
          <q>{value}</q>
        </h1>
        <span className="grow" />
        <Checkbox
          label="In all payloads too"
          checked={view.everywhere === 'yes'}
          onChange={(on) => change({ everywhere: on ? 'yes' : null })}
        />
      </div>
      {note && <p className="quiet">{note}</p>}
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Looking" />
      ) : runs.length === 0 && !found.hasNextPage ? (
        <Empty icon="search" title="Nothing that is kept holds this value">
          It is looked for as it is spelt, as a key, a tracked value, or a word in a payload. Expired payloads
          are not searched.
        </Empty>
      ) : (
        <>
          {runs.map((run) => (
            <section key={run.run} className={`card ${css.run}`} aria-label={`Run ${run.run}`}>
              <header>
                <Link to={`/runs/${run.run}` as string} className={css.flow}>
                  {run.flow}
                </Link>
                <code className="quiet">{run.run}</code>
                <span className="grow" />
                <span className="quiet">
                  <Time at={run.at} />
                </span>
              </header>
              <ul>
                {run.places.map((place) => (
                  <Place
                    key={[place.step, place.payload, place.item, place.field].join()}
                    place={place}
                    value={value}
                  />
                ))}
              </ul>
            </section>
          ))}
          {found.hasNextPage && (
            <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              Look further
            </Button>
          )}
        </>
      )}
    </div>
  )
}

function Place({ place, value }: { place: FindItem; value: string }) {
  const { to, search } = placeOf(place, value)
  const outcome = place.delivery ? (OUTCOMES[place.delivery] ?? { words: place.delivery, tone: '' }) : null
  return (
    <li>
      <Link to={to} search={search as never} className={css.place}>
        <Icon name="eye" size={16} />
        <strong className={css.step}>{place.step}</strong>
        <span className="quiet">item {count(place.item)}</span>
        <span className={`${css.value} mono one-line`}>
          <span className="quiet">{place.field}</span> {place.value}
        </span>
        {outcome && <span className={`badge ${outcome.tone}`}>{outcome.words}</span>}
      </Link>
    </li>
  )
}
