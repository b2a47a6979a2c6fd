/** One payload: as a tree, as text, as a table, beside another one; searched, chosen from, copied, saved. */

import { useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { call, send } from '~/api/client'
import { asProblem } from '~/api/problem'
import type { Hit, PayloadDetail } from '~/api/types'
import { Button } from '~/components/Button'
import { CopyButton } from '~/components/CopyButton'
import { Empty } from '~/components/Empty'
import { plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { RedriveSlot } from '~/components/slots'
import { toast } from '~/components/Toasts'
import { Bytes } from '~/components/Values'
import { useKeys } from '~/shell/shortcuts'
import { AboutView, Way } from './AboutView'
import { ChooseBar } from './ChooseBar'
import { DiffView } from './DiffView'
import { type ItemStore, useItemStore } from './itemStore'
import { pageOf } from './pages'
import css from './payload.module.css'
import { add, count as chosenCount, expression, NONE, type Ranges, toggle } from './ranges'
import { SearchBar } from './SearchBar'
import { TableView } from './TableView'
import { TextView } from './TextView'
import { type TreeHandle, TreeView } from './TreeView'
import { type As, canBeTable, canBeTree, copyable, firstView, VIEWS } from './views'

export interface ViewState {
  as?: string
  q?: string
  page?: string
  item?: string
  with?: string
}

interface Props {
  payload: string
  run?: string | undefined
  step?: string | undefined
  side?: 'in' | 'out' | 'failed' | undefined
  state: ViewState
  onState(patch: ViewState): void
}

export function PayloadView(props: Props) {
  const found = useQuery({
    queryKey: ['payload', props.payload],
    queryFn: ({ signal }) =>
      call('GET /api/v1/payloads/{payload_id}', { path: { payload_id: props.payload }, signal }),
  })
  if (found.error) {
    const problem = asProblem(found.error)
    if (problem.status !== 410) return <ProblemNote error={problem} onRetry={() => void found.refetch()} />
    return (
      <div className={css.scroll}>
        <Empty icon="clock" title="Payload expired">
          Its content is no longer kept, or was erased. {problem.hint}
        </Empty>
        <h3>Way of item {props.state.item ?? 0}</h3>
        <Way payload={props.payload} item={Number(props.state.item ?? 0)} />
      </div>
    )
  }
  if (!found.data) return <Loading what="Opening the payload" />
  return <Loaded key={props.payload} {...props} detail={found.data} />
}

function Loaded({ detail, state, onState, ...props }: Props & { detail: PayloadDetail }) {
  const store = useItemStore(detail.id)
  const [chosen, setChosen] = useState<Ranges>(NONE)
  const [anchor, setAnchor] = useState(0)
  const [item, setItem] = useState(Number(state.item ?? 0) || 0)
  const [place, setPlace] = useState<{ offset: number; length: number } | null>(null)
  const [redrive, setRedrive] = useState<string | null>(null)
  const tree = useRef<TreeHandle>(null)
  const search = useRef<HTMLDivElement>(null)
  const term = state.q ?? ''
  const as = (VIEWS.includes(state.as as As) ? state.as : firstView(detail)) as As
  const setAs = (next: As): void => onState({ as: next })

  useEffect(() => store.need(0, 1), [store])
  // The tree is of no use where the bytes are not what they are said to be: then there is the text.
  const unread = store.problem !== null
  const single = store.first?.single ?? false
  const total = unread ? 0 : (detail.items ?? store.first?.total ?? (store.first ? store.first.stop : 0))

  const landed = useRef(false)
  // A hit may be there before the tree is.
  const waiting = useRef<{ item: number; text: string } | null>(null)
  useEffect(() => {
    if (store.first === null || as !== 'tree' || waiting.current === null) return
    tree.current?.show(waiting.current.item, waiting.current.text)
    waiting.current = null
  }, [store.first, as])
  useEffect(() => {
    if (landed.current || store.first === null || as !== 'tree' || state.item === undefined) return
    landed.current = true
    tree.current?.show(Number(state.item) || 0, term || undefined)
  }, [store.first, as, state.item, term])

  const choose = useCallback(
    (number: number, how: 'toggle' | 'upto') => {
      setChosen((before) =>
        how === 'toggle'
          ? toggle(before, number)
          : add(before, Math.min(anchor, number), Math.max(anchor, number) + 1),
      )
      setAnchor(number)
    },
    [anchor],
  )
  const hit = useCallback(
    (one: Hit) => {
      setPlace({ offset: one.offset, length: one.length })
      if (as === 'tree' && one.item !== null) {
        setItem(one.item)
        if (store.first === null || tree.current === null)
          waiting.current = { item: one.item, text: term || one.text }
        else tree.current.show(one.item, term || one.text)
      } else onState({ as: 'text', page: String(pageOf(one.offset)) })
    },
    [as, onState, term, store],
  )
  const source = props.run ?? detail.run ?? undefined
  const step = props.step ?? detail.step
  // What another step wrote has come into this one.
  const came = props.side === 'out' && detail.side === 'out' && detail.step !== step
  const side = came ? 'in' : (props.side ?? detail.side)
  const from = useMemo(() => startOf(side, step), [side, step])
  const many = chosenCount(chosen)
  const fetchAll = useCallback(() => copyOf(detail, chosen, store), [detail, chosen, store])
  useKeys({
    f: () => search.current?.querySelector('input')?.focus(),
    '1': () => setAs('tree'),
    '2': () => setAs('text'),
    '3': () => setAs('table'),
    '4': () => setAs('diff'),
    '5': () => setAs('about'),
  })

  const views = VIEWS.filter((one) =>
    one === 'tree' ? canBeTree(detail) : one !== 'table' || canBeTable(detail),
  )
  return (
    <section className={css.view} aria-label={`Payload ${detail.id}`}>
      <div className={css.bar}>
        <span className={css.facets}>
          {detail.items !== null && <span>{plural(detail.items, 'item')}</span>}
          <Bytes value={detail.size_bytes} />
          <code className="wide-only">{detail.media_type}</code>
          {detail.edited_from && <span className="badge">edited</span>}
          {detail.healed_by && <span className="badge good">made good</span>}
        </span>
        <span className={css.actions}>
          {copyable(detail.size_bytes) && (
            <CopyButton label={many > 0 ? 'Copy what is chosen' : 'Copy the payload'} text={fetchAll} />
          )}
          <a
            className="icon-button"
            href={`/api/v1/payloads/${encodeURIComponent(detail.id)}/content`}
            download={fileName(detail)}
            aria-label="Download the exact bytes"
            title="Download the exact bytes"
          >
            <Icon name="download" />
          </a>
          {source && from && (
            <Button
              kind="primary"
              icon="redrive"
              onClick={() => setRedrive(many > 0 ? expression(chosen) : '')}
            >
              {many > 0 ? `Redrive ${plural(many, 'item')}` : 'Redrive from here'}
            </Button>
          )}
        </span>
      </div>
      <div ref={search}>
        <SearchBar payload={detail.id} term={term} onTerm={(q) => onState({ q })} onHit={hit} />
      </div>
      <div className="tab-list" role="tablist" aria-label="How the payload is shown">
        {views.map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            id={`payload-tab-${one}`}
            aria-selected={as === one}
            aria-controls="payload-body"
            tabIndex={as === one ? 0 : -1}
            className="tab"
            onClick={() => setAs(one)}
            onKeyDown={(event) => {
              const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
              if (by === 0) return
              const next = views[(views.indexOf(one) + by + views.length) % views.length] as As
              setAs(next)
              document.getElementById(`payload-tab-${next}`)?.focus()
            }}
          >
            {NAMES[one]}
          </button>
        ))}
      </div>
      {(as === 'tree' || as === 'table') && !single && !unread && total > 0 && (
        <ChooseBar
          payload={detail.id}
          source={source && from ? { run: source, step: from.step, after: from.place === 'after' } : null}
          total={total}
          chosen={chosen}
          onChosen={setChosen}
        />
      )}
      <div className={css.body} role="tabpanel" id="payload-body" aria-labelledby={`payload-tab-${as}`}>
        {as === 'text' && (
          <TextView
            payload={detail.id}
            size={detail.size_bytes}
            binary={detail.text === null}
            page={Number(state.page ?? 0) || 0}
            onPage={(page) => onState({ page: page === 0 ? '' : String(page) })}
            term={term}
            place={place}
          />
        )}
        {as === 'diff' && (
          <DiffView detail={detail} other={state.with ?? ''} onOther={(other) => onState({ with: other })} />
        )}
        {as === 'about' && <AboutView detail={detail} item={item} />}
        {(as === 'tree' || as === 'table') && (
          <Items
            store={store}
            unread={unread}
            onText={() => setAs('text')}
            total={total}
            empty={detail.size_bytes === 0}
          >
            {as === 'tree' ? (
              <TreeView
                store={store}
                total={total}
                single={single}
                chosen={chosen}
                onChoose={choose}
                term={term}
                handle={tree}
                onItem={setItem}
              />
            ) : (
              <TableView
                store={store}
                total={total}
                csv={/csv/.test(detail.media_type)}
                chosen={chosen}
                onChoose={choose}
                onOpen={(number) => {
                  onState({ as: 'tree' })
                  setTimeout(() => tree.current?.show(number))
                }}
                term={term}
              />
            )}
          </Items>
        )}
      </div>
      {redrive !== null && source && from && (
        <RedriveSlot
          runs={[source]}
          kind="redrive"
          step={from.step}
          place={from.place}
          payloads={[detail.id]}
          {...(redrive ? { items: redrive } : {})}
          onClose={() => setRedrive(null)}
        />
      )}
    </section>
  )
}

const NAMES: Record<As, string> = {
  tree: 'Tree',
  text: 'Text',
  table: 'Table',
  diff: 'Compare',
  about: 'About',
}

function Items(props: {
  store: ItemStore
  unread: boolean
  total: number
  empty: boolean
  onText(): void
  children: React.ReactNode
}) {
  if (props.unread) {
    return (
      <div className={css.scroll}>
        <ProblemNote error={props.store.problem} />
        <p>
          <Button onClick={props.onText}>Show it as text</Button>
        </p>
      </div>
    )
  }
  if (props.store.first === null) return <Loading what="Reading" />
  if (props.total === 0) {
    return (
      <Empty icon="inbox" title={props.empty ? 'An empty payload' : 'No items'}>
        {props.empty ? 'It has no bytes.' : 'There is no record in it. The text shows what it holds.'}
      </Empty>
    )
  }
  return props.children
}

/** A payload that went in is started at its step; one that came out, after it. */
function startOf(
  side: 'in' | 'out' | 'failed' | null | undefined,
  step: string | null | undefined,
): { step: string; place: 'at' | 'after' } | null {
  if (!step) return null
  return { step, place: side === 'out' ? 'after' : 'at' }
}

const MOST_COPIED = 20_000_000

async function copyOf(detail: PayloadDetail, chosen: Ranges, store: ItemStore): Promise<string> {
  const whole = `/api/v1/payloads/${encodeURIComponent(detail.id)}/content`
  if (chosen.length === 0) {
    if (detail.size_bytes > MOST_COPIED)
      toast.problem(new Error('It is too large for the clipboard. Download it.'))
    return await (await send(whole)).text()
  }
  if (chosen.length === 1) {
    const [first, stop] = chosen[0] as readonly [number, number]
    if (stop === first + 1) return (await store.whole(first))?.text ?? ''
  }
  const parts: string[] = []
  for (const [first, stop] of chosen) {
    const text = await (await send(`${whole}?items=${first}:${stop}`)).text()
    parts.push(text)
    if (parts.reduce((sum, one) => sum + one.length, 0) > MOST_COPIED) break
  }
  // Ranges of JSON come as lists; together they are one.
  return /json$/.test(detail.media_type)
    ? `[${parts
        .map((one) => one.slice(1, -1))
        .filter(Boolean)
        .join(',')}]`
    : parts.join('')
}

function fileName(detail: PayloadDetail): string {
  const ending = /csv/.test(detail.media_type)
    ? 'csv'
    : /ndjson|jsonl/.test(detail.media_type)
      ? 'ndjson'
      : /json/.test(detail.media_type)
        ? 'json'
        : /xml/.test(detail.media_type)
          ? 'xml'
          : /^text\//.test(detail.media_type)
            ? 'txt'
            : 'bin'
  return `${detail.id}.${ending}`
}
