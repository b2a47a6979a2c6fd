import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import { Input } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { useView } from '~/routes/hooks'
import { matching, valueWords } from './model'
import css from './settings.module.css'

/** Every setting with its value, where it came from, and what it does. They are changed in `redrive.toml`. */
export function Table() {
  const [view, change] = useView()
  const found = useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => call('GET /api/v1/settings', { signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the settings" />
  const rows = matching(found.data.items, view.text ?? '')
  return (
    <>
      <p className={css.head}>
        <Input
          type="search"
          aria-label="Find a setting"
          placeholder="Find a setting"
          value={view.text ?? ''}
          onChange={(event) => change({ text: event.target.value })}
        />
      </p>
      <p className="quiet small">
        They are set in <code>redrive.toml</code> of the home, by environment variables or options of{' '}
        <code>redrive up</code>, and hold from its next start.
      </p>
      <table className={css.table} aria-label="Settings">
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
            <th scope="col">What it does</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.name}>
              <th scope="row">
                <code>{one.name}</code>
              </th>
              <td className="mono">{valueWords(one)}</td>
              <td>
                <span className={`badge ${one.source === 'default' ? '' : 'good'}`}>{one.source}</span>
              </td>
              <td className="quiet">{one.help}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="quiet">No setting fits.</p>}
    </>
  )
}
