/** Jobs that retry or redrive many runs and are not at their end, or came to it lately. */

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import type { BulkView } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { BulkResults } from '~/redrive/Results'
import { isOver } from '~/redrive/tally'
import { bulkTold, toShow } from './model'
import css from './queue.module.css'

const LOOK_MS = 2_000

export function BulkList() {
  const [open, setOpen] = useState<BulkView | null>(null)
  const found = useQuery({
    queryKey: ['bulks'],
    queryFn: ({ signal }) => call('GET /api/v1/bulks', { query: { limit: 20 }, signal }),
    refetchInterval: (query) =>
      query.state.data?.items.some((one) => !isOver(one) && one.state !== 'paused') ? LOOK_MS : false,
  })
  const shown = toShow(found.data?.items ?? [], Date.now())
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  return (
    <>
      {shown.length > 0 && (
        <ul className={css.notes} aria-label="Bulk retries and redrives">
          {shown.map((bulk) => (
            <li key={bulk.id} className={css.note}>
              <Icon name={bulk.kind === 'retry' ? 'retry' : 'redrive'} size={16} />
              <span className="grow">
                <strong>
                  {bulk.kind === 'retry' ? 'Retry' : 'Redrive'} of {plural(bulk.runs, 'run')}
                </strong>{' '}
                by {bulk.actor}, <Time at={bulk.at} relative />: {bulkTold(bulk)}
              </span>
              <Button onClick={() => setOpen(bulk)}>Show</Button>
            </li>
          ))}
        </ul>
      )}
      {open && (
        <Dialog
          open
          size="wide"
          title={`${open.kind === 'retry' ? 'Retry' : 'Redrive'} of ${plural(open.runs, 'run')}`}
          about={<code>{open.id}</code>}
          onClose={() => setOpen(null)}
          actions={
            <Button kind="primary" onClick={() => setOpen(null)}>
              Close
            </Button>
          }
        >
          <BulkResults bulk={open} />
        </Dialog>
      )}
    </>
  )
}
