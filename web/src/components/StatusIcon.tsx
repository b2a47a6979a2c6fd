/** The state of a run or a step: an icon of its own shape and colour, and its name in words. */

import type { RunRow, StepRunView } from '~/api/types'
import { Icon, type IconName } from './Icon'

export type Status = RunRow['status'] | StepRunView['status']

export const STATUS: Record<Status, { icon: IconName; words: string; tone: string }> = {
  queued: { icon: 'clock', words: 'Queued', tone: 'wait' },
  running: { icon: 'redrive', words: 'Running', tone: 'run' },
  success: { icon: 'check', words: 'Success', tone: 'good' },
  partial_success: { icon: 'warning', words: 'Partial success', tone: 'warn' },
  failure: { icon: 'cross', words: 'Failure', tone: 'bad' },
  stopped: { icon: 'stop', words: 'Stopped', tone: 'stop' },
  pending: { icon: 'minus', words: 'Not reached', tone: 'wait' },
  skipped: { icon: 'skip', words: 'Skipped', tone: 'wait' },
  kept: { icon: 'link', words: 'Kept from its source', tone: 'wait' },
}

export function StatusIcon({ status, words, healed }: { status: Status; words?: boolean; healed?: boolean }) {
  const { icon, words: name, tone } = STATUS[status]
  const text = healed ? `${name}, made good later` : name
  return (
    <span className={`status ${healed ? 'healed' : tone}`} title={text}>
      <span className="status-icon">
        <Icon name={icon} size={14} label={words ? undefined : text} />
      </span>
      {words && <span>{name}</span>}
    </span>
  )
}
