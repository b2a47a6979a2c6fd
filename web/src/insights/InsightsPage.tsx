/** Volume, failures and durations over time, of all flows or one. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call } from '~/api/client'
import type { InsightCounts, InsightFlow } from '~/api/types'
import { Button } from '~/components/Button'
import { Empty } from '~/components/Empty'
import { Select } from '~/components/Field'
import { count, duration } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { useTitle, useView } from '~/routes/hooks'
import { DurationChart, FailureChart, VolumeChart } from './Charts'
import css from './insights.module.css'
import { failureShare, SPAN, SPANS, shareWords, sinceOf } from './model'

export default function InsightsPage() {
  useTitle('Insights')
  const [view, change] = useView()
  const span = view.span ?? SPAN
  const found = useQuery({
    queryKey: ['insights', view.flow, span],
    queryFn: ({ signal }) =>
      call('GET /api/v1/insights', { query: { flow: view.flow, since: sinceOf(span, Date.now()) }, signal }),
    staleTime: 30_000,
  })
  const data = found.data
  return (
    <div className="page">
      <div className="page-head">
        <h1>Insights</h1>
        {view.flow && (
          <Button kind="bare" icon="cross" onClick={() => change({ flow: null })}>
            Only {view.flow}
          </Button>
        )}
        <span className="grow" />
        <Select
          className={css.span}
          aria-label="Time"
          value={span}
          options={SPANS.map(([value, label]) => ({ value, label: `Last ${label}` }))}
          onChange={(value) => change({ span: value === SPAN ? null : value })}
        />
      </div>
      {found.error && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.isPending && <Loading what="Counting" />}
      {data && data.total.runs === 0 && (
        <Empty icon="chart" title="No run ended in this time">
          Choose a longer time{view.flow ? ', or all flows' : ''}. Runs count as soon as they have ended.
        </Empty>
      )}
      {data && data.total.runs > 0 && (
        <>
          {data.complete === false && (
            <p className="quiet">Older runs are still being counted: these numbers grow for a while.</p>
          )}
          <Totals counts={data.total} />
          <VolumeChart buckets={data.buckets} width={data.bucket} />
          <div className={css.pair}>
            <DurationChart buckets={data.buckets} width={data.bucket} />
            <FailureChart buckets={data.buckets} width={data.bucket} />
          </div>
          {!view.flow && <Flows flows={data.flows} span={span} />}
        </>
      )}
    </div>
  )
}

function Totals({ counts }: { counts: InsightCounts }) {
  const facts: [string, string][] = [
    ['Runs', count(counts.runs)],
    ['Failed, wholly or in part', count(counts.failure + counts.partial_success)],
    ['Share that failed', shareWords(failureShare(counts))],
    ['Half took at most', counts.p50_s == null ? '–' : duration(counts.p50_s)],
    ['95 of 100 took at most', counts.p95_s == null ? '–' : duration(counts.p95_s)],
  ]
  return (
    <dl className={css.totals}>
      {facts.map(([name, value]) => (
        <div key={name} className="card">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Flows({ flows, span }: { flows: InsightFlow[]; span: string }) {
  return (
    <section className={`card ${css.figure}`} aria-labelledby="flows">
      <h2 id="flows">By flow</h2>
      <div className={css.data}>
        <table aria-labelledby="flows">
          <thead>
            <tr>
              <th scope="col">Flow</th>
              <th scope="col">Runs</th>
              <th scope="col">Failed</th>
              <th scope="col">Share</th>
              <th scope="col">Half at most</th>
              <th scope="col">95 of 100 at most</th>
            </tr>
          </thead>
          <tbody>
            {flows.map((one) => (
              <tr key={one.flow}>
                <th scope="row">
                  <Link
                    to={'/insights' as string}
                    search={{ flow: one.flow, ...(span === SPAN ? {} : { span }) } as never}
                  >
                    {one.flow}
                  </Link>
                </th>
                <td>{count(one.runs)}</td>
                <td>
                  <Link
                    to={'/runs' as string}
                    search={{ flow: one.flow, status: 'failure,partial_success' } as never}
                  >
                    {count(one.failure + one.partial_success)}
                  </Link>
                </td>
                <td>{shareWords(failureShare(one))}</td>
                <td>{one.p50_s == null ? '–' : duration(one.p50_s)}</td>
                <td>{one.p95_s == null ? '–' : duration(one.p95_s)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
