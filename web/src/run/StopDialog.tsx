/** Stops runs at their next payload boundary, or at once. */

import { useState } from 'react'
import { call } from '~/api/client'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Checkbox } from '~/components/Field'
import { plural } from '~/components/format'
import { toast } from '~/components/Toasts'
import { side } from './side'

export function StopDialog({ runs, onClose }: { runs: string[]; onClose(): void }) {
  const [force, setForce] = useState(false)
  const [busy, setBusy] = useState(false)
  const stop = async (): Promise<void> => {
    setBusy(true)
    const results = await side(runs, (run_id) =>
      call('POST /api/v1/runs/{run_id}/stop', { path: { run_id }, body: { force } }),
    )
    const failed = results.filter((one) => one.error !== undefined)
    for (const one of failed.slice(0, 3)) toast.problem(one.error)
    if (failed.length < runs.length) toast.done(`${plural(runs.length - failed.length, 'run')} told to stop`)
    onClose()
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Stop ${runs.length === 1 ? 'the run' : plural(runs.length, 'run')}?`}
      about="A run stops at its next payload boundary. What it has sent by then stays sent, and is told in its log."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" icon="stop" busy={busy} onClick={() => void stop()}>
            Stop
          </Button>
        </>
      }
    >
      <Checkbox label="At once: break off what is being sent" checked={force} onChange={setForce} />
    </Dialog>
  )
}
