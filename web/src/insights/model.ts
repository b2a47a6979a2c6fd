/** What the page of insights asks for and how its buckets read. */

import type { InsightBucket, InsightCounts } from '~/api/types'

export const SPANS: [value: string, label: string, hours: number][] = [
  ['24h', '24 hours', 24],
  ['7d', '7 days', 7 * 24],
  ['30d', '30 days', 30 * 24],
  ['90d', '90 days', 90 * 24],
]
export const SPAN = '7d'

export const OUTCOMES = ['success', 'partial_success', 'failure', 'stopped'] as const
export const WORDS: Record<(typeof OUTCOMES)[number], string> = {
  success: 'Success',
  partial_success: 'Partial success',
  failure: 'Failure',
  stopped: 'Stopped',
}

/** The instant from which runs are shown. */
export function sinceOf(span: string | undefined, now: number): string {
  const hours = SPANS.find(([value]) => value === span)?.[2] ?? 7 * 24
  return new Date(now - hours * 3_600_000).toISOString()
}

/** `9 Nov`, or `14:00` of an hour; UTC, as they are counted. */
export function bucketWords(bucket: Pick<InsightBucket, 'at'>, width: string): string {
  const at = new Date(bucket.at)
  const day = at.toLocaleDateString('en', { day: 'numeric', month: 'short', timeZone: 'UTC' })
  if (width === 'day') return day
  const hour = `${String(at.getUTCHours()).padStart(2, '0')}:00`
  return at.getUTCHours() === 0 ? day : hour
}

/** The share of runs that failed, or failed in part, in percent; null where there is none. */
export function failureShare(counts: InsightCounts): number | null {
  return counts.runs === 0 ? null : ((counts.failure + counts.partial_success) / counts.runs) * 100
}

export function shareWords(share: number | null): string {
  if (share === null) return '–'
  return share > 0 && share < 0.1 ? '< 0.1 %' : `${share.toFixed(share < 10 ? 1 : 0)} %`
}
