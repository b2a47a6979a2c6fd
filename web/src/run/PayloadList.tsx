/** The payloads of a step on one side, and the chosen one below. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import type { PayloadView } from '~/api/types'
import { Button } from '~/components/Button'
import { count, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { PayloadSlot } from '~/components/slots'
import { Bytes } from '~/components/Values'
import type { Side } from './model'
import css from './run.module.css'

interface Props {
  run: string
  step: string
  side: Side
  total: number
  chosen?: string
  item?: string
  value?: string
  onChoose(payload: string): void
}

const NONE: Record<Side, string> = {
  in: 'Nothing came in: the step began without data.',
  out: 'The step put nothing out.',
  failed: 'No payload failed.',
}

export function PayloadList({ run, step, side, total, chosen, item, value, onChoose }: Props) {
  const found = useInfiniteQuery({
    queryKey: ['payloads', run, step, side, total],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/runs/{run_id}/steps/{step}/payloads/{side}', {
        path: { run_id: run, step, side },
        query: { limit: 50, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the payloads" />
  const payloads = found.data.pages.flatMap((page) => page.items)
  const open = chosen ?? payloads[0]?.id
  if (open === undefined) return <p className="quiet">{NONE[side]}</p>
  return (
    <>
      {(payloads.length > 1 || found.hasNextPage) && (
        <div className={css.payloads}>
          <ul aria-label="Payloads">
            {payloads.map((payload, index) => (
              <li key={payload.id}>
                <button
                  type="button"
                  className={css.payload}
                  aria-pressed={payload.id === open}
                  onClick={() => onChoose(payload.id)}
                >
                  <Icon name={payload.id === open ? 'eye' : 'right'} size={14} />
                  <span className="number">{count(index + 1)}</span>
                  <code className="one-line">{payload.id}</code>
                  <Told payload={payload} />
                </button>
              </li>
            ))}
          </ul>
          {found.hasNextPage && (
            <Button kind="bare" busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              More of {plural(total, 'payload')}
            </Button>
          )}
        </div>
      )}
      <PayloadSlot
        key={open}
        payload={open}
        run={run}
        step={step}
        side={side}
        item={item !== undefined && /^\d{1,15}$/.test(item) ? Number(item) : undefined}
        value={value}
      />
    </>
  )
}

function Told({ payload }: { payload: PayloadView }) {
  return (
    <span className={`${css.payloadTold} quiet small`}>
      {payload.items !== null && payload.items !== undefined && <span>{plural(payload.items, 'item')}</span>}
      <Bytes value={payload.size_bytes} />
      <span>{payload.media_type}</span>
      {payload.expired && <span className="badge">expired</span>}
      {payload.healed_by && <span className="badge good">made good</span>}
    </span>
  )
}
