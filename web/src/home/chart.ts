/** The last day as bars: how high, of what, and which view of the run log each leads to. Pure. */

import type { Hour, RunRow } from '~/api/types'

type Status = RunRow['status']

export interface HourBar {
  at: string
  until: string
  total: number
  /** Parts from the bottom, in per cent of the chart's height. */
  parts: { tone: 'good' | 'bad' | 'warn' | 'other'; height: number; many: number }[]
}

const TONES: [HourBar['parts'][number]['tone'], Status[]][] = [
  ['good', ['success']],
  ['warn', ['partial_success']],
  ['bad', ['failure']],
  ['other', ['stopped', 'running', 'queued']],
]

/** A failure among thousands can still be seen. */
const LEAST = 4

export function bars(hours: readonly Hour[]): HourBar[] {
  const sum = (hour: Hour, statuses: Status[]): number =>
    statuses.reduce((total, status) => total + (hour.counts[status] ?? 0), 0)
  const totals = hours.map((hour) => TONES.reduce((total, [, statuses]) => total + sum(hour, statuses), 0))
  const most = Math.max(1, ...totals)
  return hours.map((hour, index) => ({
    at: hour.at,
    until: new Date(Date.parse(hour.at) + 3_600_000).toISOString(),
    total: totals[index] ?? 0,
    parts: TONES.map(([tone, statuses]) => ({ tone, many: sum(hour, statuses) }))
      .filter((part) => part.many > 0)
      .map((part) => ({ ...part, height: Math.max(LEAST, (part.many / most) * (100 - LEAST * 3)) })),
  }))
}
