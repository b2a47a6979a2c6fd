/** What is known of a payload beside its content: meta, where it stands, what it was edited from, an item's way. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call } from '~/api/client'
import type { PayloadDetail, Waypoint } from '~/api/types'
import { CopyButton } from '~/components/CopyButton'
import { count } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Bytes } from '~/components/Values'
import css from './payload.module.css'

export function AboutView({ detail, item }: { detail: PayloadDetail; item: number }) {
  const meta = Object.entries(detail.meta)
  return (
    <div className={css.scroll}>
      <dl className={css.facts}>
        <dt>Id</dt>
        <dd>
          <code>{detail.id}</code> <CopyButton text={detail.id} label="Copy the id" />
        </dd>
        <dt>Size</dt>
        <dd>
          <Bytes value={detail.size_bytes} /> ({count(detail.size_bytes)} bytes)
        </dd>
        <dt>Items</dt>
        <dd>{detail.items === null ? 'not known' : count(detail.items)}</dd>
        <dt>Media type</dt>
        <dd>
          <code>{detail.media_type}</code>
        </dd>
        {detail.items_path && (
          <>
            <dt>Items path</dt>
            <dd>
              <code>{detail.items_path}</code>
            </dd>
          </>
        )}
        <dt>Stands in</dt>
        <dd>
          {detail.run ? (
            <>
              <Link to={`/runs/${detail.run}`} className="link">
                {detail.run}
              </Link>
              {detail.step && (
                <>
                  , {detail.side === 'in' ? 'into' : 'out of'} <code>{detail.step}</code>
                </>
              )}
            </>
          ) : (
            'no run: it was uploaded'
          )}
        </dd>
        <dt>Content (BLAKE3)</dt>
        <dd>
          <code className={css.digest}>{detail.digest}</code>
        </dd>
        {detail.edited_from && (
          <>
            <dt>Edited from</dt>
            <dd>
              <Link to={`/payloads/${detail.edited_from}`} className="link">
                {detail.edited_from}
              </Link>
              {detail.edit_reason && <>: {detail.edit_reason}</>}
            </dd>
          </>
        )}
        {detail.healed_by && (
          <>
            <dt>Made good by</dt>
            <dd>
              <Link to={`/runs/${detail.healed_by}`} className="link">
                {detail.healed_by}
              </Link>
            </dd>
          </>
        )}
      </dl>
      <h3>Meta</h3>
      {meta.length === 0 ? (
        <p className="quiet">No meta.</p>
      ) : (
        <dl className={css.facts}>
          {meta.map(([name, value]) => (
            <div key={name} className={css.fact}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>
                <code>{value}</code>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {detail.patch && detail.patch.length > 0 && (
        <>
          <h3>Changes of the edit</h3>
          <ul className={css.patch}>
            {detail.patch.map((one, index) => (
              <li key={index}>
                <code>
                  {String(one.op)} {String(one.path)}{' '}
                  {one.value === undefined ? '' : JSON.stringify(one.value)}
                </code>
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>Way of item {item}</h3>
      <Way payload={detail.id} item={item} />
    </div>
  )
}

/** Where one item came from, and what became of it. */
export function Way({ payload, item }: { payload: string; item: number }) {
  const found = useQuery({
    queryKey: ['way', payload, item],
    queryFn: ({ signal }) =>
      call('GET /api/v1/payloads/{payload_id}/items/{item}/way', {
        path: { payload_id: payload, item: String(item) },
        signal,
      }),
  })
  if (found.error) return <ProblemNote error={found.error} />
  if (!found.data) return <Loading />
  const { before, after, more } = found.data
  return (
    <ol className={css.way}>
      {before.map((one) => (
        <Stop key={`${one.payload}-${one.item}`} stop={one} />
      ))}
      <li aria-current="true">
        <strong>this item</strong>
      </li>
      {after.map((one) => (
        <Stop key={`${one.payload}-${one.item}`} stop={one} />
      ))}
      {before.length + after.length === 0 && <li className="quiet">No other place is known.</li>}
      {more && <li className="quiet">and more</li>}
    </ol>
  )
}

function Stop({ stop }: { stop: Waypoint }) {
  const where = `${stop.side === 'in' ? 'into' : 'out of'} ${stop.step ?? 'the start'}`
  return (
    <li>
      {stop.expired ? (
        <span className="quiet">
          {where}, item {stop.item}: payload expired
        </span>
      ) : (
        <Link to={`/payloads/${stop.payload}`} search={{ item: String(stop.item) } as never} className="link">
          {where}, item {stop.item}
        </Link>
      )}{' '}
      <code className="quiet small">{stop.payload}</code>
    </li>
  )
}
