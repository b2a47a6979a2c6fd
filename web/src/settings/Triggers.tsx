/** What starts runs: schedules with their next five times, webhooks with their addresses. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call } from '~/api/client'
import { CopyButton } from '~/components/CopyButton'
import { Empty } from '~/components/Empty'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { Time } from '~/components/Values'
import { triggerWords } from './model'
import css from './settings.module.css'

export function Triggers() {
  const found = useQuery({
    queryKey: ['triggers'],
    queryFn: ({ signal }) => call('GET /api/v1/triggers', { signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the triggers" />
  if (found.data.items.length === 0) {
    return (
      <Empty icon="clock" title="No triggers">
        Flows start by hand and by the API. A <code>schedule</code> or <code>webhook</code> under{' '}
        <code>triggers:</code> of a flow starts it by itself.
      </Empty>
    )
  }
  return (
    <table className={css.table} aria-label="Triggers">
      <thead>
        <tr>
          <th scope="col">Flow</th>
          <th scope="col">Trigger</th>
          <th scope="col">State</th>
          <th scope="col">Next</th>
        </tr>
      </thead>
      <tbody>
        {found.data.items.map((one, at) => (
          <tr key={at}>
            <th scope="row">
              <Link to={`/flows/${encodeURIComponent(one.flow)}` as string}>{one.flow}</Link>
            </th>
            <td>
              {one.kind} <code>{triggerWords(one)}</code>
              {one.address && <CopyButton text={one.address} label={`Copy the address of ${one.flow}`} />}
            </td>
            <td>
              {one.active ? (
                <span className="badge good">active</span>
              ) : (
                <span className="badge warn">waits: {(one.missing ?? []).join(', ')}</span>
              )}
              {(one.problems ?? []).map((problem) => (
                <p key={problem} className={css.bad}>
                  {problem}
                </p>
              ))}
            </td>
            <td>
              <ol className={css.times}>
                {(one.next ?? []).slice(0, 5).map((time) => (
                  <li key={time}>
                    <Time at={time} />
                  </li>
                ))}
              </ol>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
