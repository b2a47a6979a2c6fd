/** The steps of a run in order: state, time as a waterfall, how much came in and went out. */

import type { RunView, StepRunView } from '~/api/types'
import { bytes, count, duration, plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { StatusIcon } from '~/components/StatusIcon'
import { useNow } from '~/components/Values'
import { hasEnded, waterfall } from './model'
import css from './run.module.css'

interface Props {
  run: RunView
  chosen: string | undefined
  onChoose(step: string): void
}

export function StepList({ run, chosen, onChoose }: Props) {
  const now = useNow(hasEnded(run) ? 0 : 500)
  const bars = waterfall(run, now.getTime())
  return (
    <ol className={css.steps} aria-label="Steps">
      {run.steps.map((step, index) => {
        const bar = bars[index]
        return (
          <li key={step.step}>
            <button
              type="button"
              className={css.stepRow}
              aria-pressed={step.step === chosen}
              title={`Look into ${step.step}`}
              onClick={() => onChoose(step.step)}
            >
              <StatusIcon status={step.status} healed={Boolean(step.healed_by)} />
              <span className={css.stepName}>
                <span className="one-line">
                  {step.name ?? step.step} <span className="quiet small">{step.shape}</span>
                </span>
                <span className="quiet small one-line">{told(step)}</span>
              </span>
              <span className={css.track} aria-hidden="true">
                {bar && (
                  <span
                    className={css.bar}
                    data-status={step.status}
                    style={{ left: `${bar.left}%`, width: `${bar.width}%` }}
                  />
                )}
              </span>
              <span className={`${css.took} quiet small number`}>
                {step.duration_s !== null && step.duration_s !== undefined ? duration(step.duration_s) : ''}
              </span>
              <span className={css.eye}>
                <Icon name="eye" size={16} label="Look into it" />
              </span>
            </button>
          </li>
        )
      })}
    </ol>
  )
}

/** `50 items, 12 KB out · 10 delivered · 2nd attempt`. */
function told(step: StepRunView): string {
  const counts = step.counts ?? {}
  const parts: string[] = []
  if (step.status === 'pending') return 'not reached'
  const failed = counts.failed_payloads ?? 0
  if (failed > 0) parts.push(`${plural(failed, 'payload')} failed`)
  const out = counts.payloads_out ?? 0
  if (out > 0) {
    const items = counts.items_out ?? 0
    parts.push(
      `${items ? `${plural(items, 'item')} in ` : ''}${plural(out, 'payload')}, ${bytes(counts.bytes_out ?? 0)}`,
    )
  }
  const { delivered = 0, skipped = 0, rejected = 0, unknown = 0 } = step.deliveries ?? {}
  if (delivered) parts.push(`${count(delivered)} delivered`)
  if (skipped) parts.push(`${count(skipped)} left out`)
  if (rejected) parts.push(`${count(rejected)} rejected`)
  if (unknown) parts.push(`${count(unknown)} unknown`)
  if (step.attempts > 1) parts.push(`${step.attempts} attempts`)
  if (step.warnings > 0) parts.push(plural(step.warnings, 'warning'))
  return parts.join(' · ') || (step.status === 'running' ? 'at work' : 'nothing came out')
}
