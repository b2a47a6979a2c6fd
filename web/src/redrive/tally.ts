/** How many have ended, and how. */

const ENDED = new Set(['success', 'partial_success', 'failure', 'stopped'])

export interface Tally {
  all: number
  ended: number
  success: number
  other: number
  refused: number
}

export function tally(runs: readonly { state: string; status: string | null }[]): Tally {
  const refused = runs.filter((one) => one.state === 'failed').length
  const ended = runs.filter((one) => one.status !== null && ENDED.has(one.status))
  const success = ended.filter((one) => one.status === 'success').length
  return { all: runs.length, ended: ended.length + refused, success, other: ended.length - success, refused }
}
