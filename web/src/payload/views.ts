/** Which views a payload has, and which one it opens with. */

import type { PayloadDetail } from '~/api/types'

export const VIEWS = ['tree', 'text', 'table', 'diff', 'about'] as const
export type As = (typeof VIEWS)[number]

type Known = Pick<PayloadDetail, 'media_type' | 'items' | 'text'>

export function canBeTree({ media_type, text }: Known): boolean {
  return /json/.test(media_type) && text !== null
}

export function canBeTable({ media_type, items }: Known): boolean {
  return /csv/.test(media_type) || (/json/.test(media_type) && items !== null && items > 0)
}

export function firstView(detail: Known): As {
  if (/csv/.test(detail.media_type)) return 'table'
  return canBeTree(detail) ? 'tree' : 'text'
}

const MOST_COPIED = 20_000_000

export function copyable(size: number): boolean {
  return size <= MOST_COPIED
}
