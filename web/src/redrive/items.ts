/** The one item that a selection names by its number; null for any other selection. */

import { count, numbers } from '~/payload/ranges'

export function oneItem(text: string): number | null {
  const found = numbers(text)
  return found !== null && count(found) === 1 ? (found[0]?.[0] ?? null) : null
}
