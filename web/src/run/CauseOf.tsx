/** What happened in a run, in one line: the step that failed, the message, the key of the record. */

import { Link } from '@tanstack/react-router'
import { count } from '~/components/format'
import { Icon } from '~/components/Icon'
import { type Entry, shortly } from './model'
import css from './run.module.css'

interface Props {
  entry: Entry
  open?: boolean
  onToggle?(id: string): void
}

export function CauseOf({ entry, open, onToggle }: Props) {
  const { row, same } = entry
  const cause = row.brief?.cause
  const whole = cause ? cause.detail || cause.title : row.summary
  const text = shortly(whole)
  return (
    <span className={css.cause}>
      {cause && (
        <span className={css.step} data-healed={row.healed_by ? '' : undefined}>
          {cause.step}
        </span>
      )}
      {cause?.key != null && (
        <span
          className={css.key}
          title={`Key of the record${(cause.keys ?? 0) > 1 ? `, the first of ${cause.keys}` : ''}`}
        >
          {cause.key}
          {(cause.keys ?? 0) > 1 && ` +${count((cause.keys ?? 0) - 1)}`}
        </span>
      )}
      <span className={`one-line ${cause ? '' : 'quiet'}`} title={whole}>
        {text}
      </span>
      {row.healed_by && (
        <Link to={`/runs/${row.healed_by}` as string} className="badge good">
          <Icon name="check" size={12} /> made good
        </Link>
      )}
      {row.source_run && (
        <Link
          to={`/runs/${row.source_run}` as string}
          className="badge"
          title={`Made from ${row.source_run}`}
        >
          {row.trigger === 'retry' ? 'retry' : 'redrive'}
        </Link>
      )}
      {row.warnings > 0 && (
        <span className="badge warn" title="Warnings">
          <Icon name="warning" size={12} /> {row.warnings}
        </span>
      )}
      {same.length > 0 && (
        <button
          type="button"
          className={css.same}
          aria-expanded={open}
          onClick={() => onToggle?.(row.id)}
          title="Runs that failed for the same cause"
        >
          +{count(same.length)} same <Icon name={open ? 'up' : 'down'} size={12} />
        </button>
      )}
    </span>
  )
}
