import { Link } from '@tanstack/react-router'
import type { Hour } from '~/api/types'
import { plural } from '~/components/format'
import { bars } from './chart'
import css from './home.module.css'

/** One bar for each hour; it leads to the runs of that hour. */
export function DayChart({ hours }: { hours: Hour[] }) {
  const all = bars(hours)
  return (
    <ol className={css.chart}>
      {all.map((bar, index) => {
        const from = new Date(bar.at)
        const hour = String(from.getHours()).padStart(2, '0')
        const failed = bar.parts.find((part) => part.tone === 'bad')?.many ?? 0
        const text = `${hour}:00, ${plural(bar.total, 'run')}${failed ? `, ${failed} failed` : ''}`
        return (
          <li key={bar.at}>
            {bar.total > 0 ? (
              <Link
                to="/runs"
                search={{ since: bar.at, until: bar.until } as never}
                className={css.column}
                aria-label={text}
                title={text}
              >
                {bar.parts.map((part) => (
                  <span key={part.tone} data-tone={part.tone} style={{ height: `${part.height}%` }} />
                ))}
              </Link>
            ) : (
              <span className={css.column} title={text} />
            )}
            <span className={css.hour} aria-hidden="true">
              {index % 4 === 3 ? hour : ''}
            </span>
          </li>
        )
      })}
    </ol>
  )
}
