/** The requests that a step made and their answers; a body is fetched when it is looked at. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call, send } from '~/api/client'
import type { ExchangeView } from '~/api/types'
import { Button } from '~/components/Button'
import { bytes } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { headOf } from './bodies'
import css from './run.module.css'

export function Exchanges({ run, step }: { run: string; step: string }) {
  const found = useInfiniteQuery({
    queryKey: ['exchanges', run, step],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/runs/{run_id}/exchanges', {
        path: { run_id: run },
        query: { step, limit: 50, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the exchanges" />
  const exchanges = found.data.pages.flatMap((page) => page.items)
  if (exchanges.length === 0) return <p className="quiet">The step made no request.</p>
  return (
    <>
      {exchanges.map((one) => (
        <Exchange key={one.id} exchange={one} />
      ))}
      {found.hasNextPage && (
        <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Further exchanges
        </Button>
      )}
    </>
  )
}

function Exchange({ exchange }: { exchange: ExchangeView }) {
  const [open, setOpen] = useState(false)
  const bad = exchange.error !== null || (exchange.status ?? 0) >= 400
  return (
    <details className={css.exchange} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <strong className="mono">{exchange.method}</strong>
        <span className="mono one-line grow" title={exchange.url}>
          {exchange.url}
        </span>
        <span className={`badge ${bad ? 'bad' : 'good'}`}>{exchange.status ?? 'no answer'}</span>
        <span className="quiet small number">
          {exchange.duration_ms === null ? '' : `${Math.round(exchange.duration_ms)} ms`}
        </span>
      </summary>
      {open && (
        <div className={css.exchangeBody}>
          <p className="quiet small">
            <Time at={exchange.at} /> · attempt {exchange.attempt}
            {exchange.error && <> · {exchange.error}</>}
          </p>
          <Message
            title="Request"
            exchange={exchange}
            which="request"
            headers={exchange.request_headers}
            size={exchange.request_bytes}
          />
          <Message
            title="Answer"
            exchange={exchange}
            which="response"
            headers={exchange.response_headers}
            size={exchange.response_bytes}
          />
        </div>
      )}
    </details>
  )
}

interface MessageProps {
  title: string
  exchange: ExchangeView
  which: 'request' | 'response'
  headers: [string, string][]
  size: number
}

function Message({ title, exchange, which, headers, size }: MessageProps) {
  const address = `/api/v1/exchanges/${encodeURIComponent(exchange.id)}/${which}`
  const body = useQuery({
    queryKey: ['exchange', exchange.id, which],
    queryFn: async ({ signal }) => headOf(await send(address, { signal })),
    enabled: size > 0,
  })
  return (
    <div>
      <h3>{title}</h3>
      {headers.length > 0 && (
        <pre className={css.headers}>{headers.map(([name, value]) => `${name}: ${value}`).join('\n')}</pre>
      )}
      {size === 0 ? (
        <p className="quiet small">No body.</p>
      ) : body.error ? (
        <ProblemNote error={body.error} />
      ) : (
        <>
          <pre className={css.text}>{body.data ?? '…'}</pre>
          <a className="small" href={address} download={`${exchange.id}-${which}`}>
            Download, {bytes(size)}
          </a>
        </>
      )}
    </div>
  )
}
