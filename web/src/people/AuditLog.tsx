/** What was done, by whom, to what, and how it ended. Filters live in the address. */

import { useMemo } from 'react'
import { call } from '~/api/client'
import { usePages } from '~/api/pages'
import type { AuditLine } from '~/api/types'
import { Button } from '~/components/Button'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Input, Select } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { useView } from '~/routes/hooks'
import { dataWords, isRefused, sinceOf } from './model'
import css from './people.module.css'

const FILTERS = ['who', 'what', 'subject', 'since'] as const
const NONE = Object.fromEntries(FILTERS.map((name) => [name, null]))

export function AuditLog() {
  const [view, change] = useView()
  const { who, what, subject, since } = view
  const from = useMemo(() => sinceOf(since, Date.now()), [since])
  const found = usePages(['audit', who, what, subject, from], (cursor, signal) =>
    call('GET /api/v1/audit', { query: { who, what, subject, since: from, limit: 100, cursor }, signal }),
  )
  return (
    <div className={css.part}>
      <form
        key={`${who} ${what} ${subject}`}
        className={css.filters}
        aria-label="Filters of the audit log"
        onSubmit={(event) => {
          event.preventDefault()
          const data = new FormData(event.currentTarget)
          change({
            who: String(data.get('who')).trim(),
            what: String(data.get('what')).trim(),
            subject: String(data.get('subject')).trim(),
          })
        }}
      >
        <Input name="who" aria-label="Who" placeholder="Who" defaultValue={who} />
        <Input name="what" aria-label="What" placeholder="What: run, run.stop" defaultValue={what} />
        <Input name="subject" aria-label="To what" placeholder="To what" defaultValue={subject} />
        <Select
          aria-label="Since"
          value={since ?? ''}
          onChange={(value) => change({ since: value })}
          options={[
            { value: '', label: 'At any time' },
            { value: '24h', label: 'Last 24 hours' },
            { value: '7d', label: 'Last 7 days' },
            { value: '30d', label: 'Last 30 days' },
          ]}
        />
        <Button type="submit" icon="filter">
          Filter
        </Button>
        {(who || what || subject || since) && (
          <Button kind="bare" icon="cross" onClick={() => change(NONE)}>
            Clear
          </Button>
        )}
      </form>
      {found.error ? (
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="Reading the audit log" />
      ) : (
        <DataTable<AuditLine>
          label="Audit log"
          rows={found.rows}
          rowKey={(row) => row.id}
          onEnd={found.onEnd}
          rowHeight={38}
          columns={[
            { id: 'at', head: 'When', width: '140px', cell: (row) => <Time at={row.at} /> },
            {
              id: 'who',
              head: 'Who',
              width: '15%',
              cell: (row) => (
                <span title={[row.via, row.address].filter(Boolean).join(', ')}>{row.actor}</span>
              ),
            },
            { id: 'what', head: 'What', width: '18%', cell: (row) => <code>{row.action}</code> },
            { id: 'subject', head: 'To what', width: '20%', cell: (row) => row.subject },
            {
              id: 'result',
              head: 'Ended',
              width: '14%',
              cell: (row) => <span className={`badge ${isRefused(row) ? 'bad' : ''}`}>{row.result}</span>,
            },
            {
              id: 'data',
              head: 'More',
              wide: true,
              cell: (row) => (
                <span className="quiet small" title={dataWords(row.data)}>
                  {dataWords(row.data)}
                </span>
              ),
            },
          ]}
          foot={found.isFetchingNextPage ? <Loading what="Reading on" /> : null}
          empty={
            <Empty icon="book" title="Nothing fits">
              Every view, download, edit, redrive, stop, deploy and sign-in is told here. Take a filter away.
            </Empty>
          }
        />
      )}
    </div>
  )
}
