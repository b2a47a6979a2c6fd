/** Saves runs as one JSON file, each as the server wrote it: numbers keep their digits. */

import { address, send } from '~/api/client'
import { side } from './side'

export async function saveRuns(runs: readonly string[]): Promise<void> {
  const read = await side(runs, async (run_id) =>
    (await send(address('/api/v1/runs/{run_id}', { run_id }))).text(),
  )
  const refused = read.find((one) => one.error !== undefined)
  if (refused) throw refused.error
  const url = URL.createObjectURL(
    new Blob([listOf(read.map((one) => one.value ?? ''))], { type: 'application/json' }),
  )
  const link = document.createElement('a')
  link.href = url
  link.download = `runs-${runs.length}.json`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** Texts of JSON objects as one list in the API's form. */
export function listOf(texts: readonly string[]): string {
  return `{"items":[${texts.join(',\n')}],"next":null}\n`
}
