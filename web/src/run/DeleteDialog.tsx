/** Deletes runs for good: says first how much goes, what stays all the same, and what stands in the way. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { asProblem, type Problem } from '~/api/problem'
import type { RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Field, Input } from '~/components/Field'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { deletable } from './model'

interface Props {
  rows: RunRow[]
  onClose(): void
  onDeleted(): void
}

export default function DeleteDialog({ rows, onClose, onDeleted }: Props) {
  const client = useQueryClient()
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set())
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<Problem | null>(null)
  const { runs, pinned, unfinished } = deletable(rows, left)

  // Unconfirmed, it says what would go, and deletes nothing.
  const asked = useQuery({
    queryKey: ['delete runs', runs],
    enabled: runs.length > 0,
    queryFn: ({ signal }) =>
      call('POST /api/v1/runs/delete', { body: { runs }, signal }).then(
        () => null,
        (thrown: unknown) => asProblem(thrown),
      ),
    gcTime: 0,
    staleTime: 0,
  })
  const told = asked.data ?? null
  const stands = told !== null && told.code !== 'confirmation.needed' ? told : null
  const ready = told?.code === 'confirmation.needed'
  const go = async (): Promise<void> => {
    setBusy(true)
    setFault(null)
    try {
      const done = await call('POST /api/v1/runs/delete', {
        body: { runs, confirm: true, reason: reason.trim() || null },
      })
      toast.done(`${plural(done.runs.length, 'run')} deleted`)
      await client.resetQueries({ queryKey: ['runs'] })
      onDeleted()
      onClose()
    } catch (thrown) {
      setFault(asProblem(thrown))
      setBusy(false)
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Delete ${plural(runs.length, 'run')}?`}
      about="They go with their logs and payloads, for good. Deliveries stay known, so that nothing is sent again; so do payloads that a later run of the same lineage shares."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" icon="trash" busy={busy} disabled={!ready} onClick={() => void go()}>
            Delete {plural(runs.length, 'run')}
          </Button>
        </>
      }
    >
      <div aria-live="polite">
        {pinned > 0 && <p>{plural(pinned, 'pinned run')} will stay: unpin first what is to go.</p>}
        {unfinished > 0 && <p>{plural(unfinished, 'run')} that has not ended will stay.</p>}
        {left.size > 0 && <p>{plural(left.size, 'run')} left out.</p>}
        {asked.isLoading ? <Loading what="Weighing" /> : ready && <p>{told?.detail}.</p>}
        {stands && <ProblemNote error={stands} />}
        {stands?.at && runs.includes(stands.at) && (
          <Button onClick={() => setLeft(new Set([...left, stands.at as string]))}>
            Leave {stands.at} out
          </Button>
        )}
      </div>
      <Field label="Reason" help="Kept in the audit log.">
        <Input value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
      </Field>
      {fault !== null && <ProblemNote error={fault} />}
    </Dialog>
  )
}
