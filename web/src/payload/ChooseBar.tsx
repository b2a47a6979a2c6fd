/** Chooses items by a condition, and says how many are chosen. */

import { useState } from 'react'
import { call } from '~/api/client'
import { asProblem } from '~/api/problem'
import { Button } from '~/components/Button'
import { Input } from '~/components/Field'
import { count, plural } from '~/components/format'
import css from './payload.module.css'
import { count as countOf, NONE, type Ranges } from './ranges'

interface Props {
  payload: string
  /** Where a redrive would begin: `failed` asks for it. */
  source: { run: string; step: string; after: boolean } | null
  total: number
  chosen: Ranges
  onChosen(chosen: Ranges): void
}

export function ChooseBar({ payload, source, total, chosen, onChosen }: Props) {
  const [typed, setTyped] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState('')
  const many = countOf(chosen)

  const choose = async (items: string): Promise<void> => {
    setFault('')
    setBusy(true)
    try {
      const found = await call('GET /api/v1/payloads/{payload_id}/selection', {
        path: { payload_id: payload },
        query: { items, run: source?.run ?? null, step: source?.step ?? null, after: source?.after ?? false },
      })
      onChosen(found.ranges.map(([first, stop]) => [first as number, stop as number] as const))
      if (found.count === 0) setFault('No item fits.')
      else if (found.more) setFault(`${count(found.count)} fit; the first of them are chosen here.`)
    } catch (thrown) {
      const problem = asProblem(thrown)
      setFault(`${problem.detail}. ${problem.hint ?? ''}`)
    }
    setBusy(false)
  }
  return (
    <div className={css.choose}>
      <form
        className={css.chooseForm}
        onSubmit={(event) => {
          event.preventDefault()
          if (typed.trim()) void choose(typed.trim())
        }}
      >
        <Input
          aria-label="Choose items by a condition"
          aria-invalid={fault !== '' || undefined}
          placeholder="Choose: id in 1042,1043"
          value={typed}
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Button type="submit" busy={busy}>
          Choose
        </Button>
        {source && (
          <Button disabled={busy} onClick={() => void choose('failed')}>
            Failed ones
          </Button>
        )}
      </form>
      <span role="status" className="quiet small">
        {[many > 0 && `${count(many)} of ${plural(total, 'item')} chosen`, fault].filter(Boolean).join(' · ')}
      </span>
      {many > 0 && (
        <Button kind="bare" onClick={() => onChosen(NONE)}>
          Choose none
        </Button>
      )}
    </div>
  )
}
