/** What is paused and which targets are down: the two lists above the queue, and the form that pauses. */

import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import type { CircuitView, PauseRequest, PauseView } from '~/api/types'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { Field, Input, Select } from '~/components/Field'
import { plural } from '~/components/format'
import { Icon } from '~/components/Icon'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { nameOfPause } from './model'
import css from './queue.module.css'

export function PauseList({ pauses, can }: { pauses: PauseView[]; can: boolean }) {
  const client = useQueryClient()
  const resume = async (pause: PauseView): Promise<void> => {
    try {
      await call('DELETE /api/v1/pauses', { query: { kind: pause.kind, name: pause.name } })
      toast.done(`Resumed ${nameOfPause(pause)}`)
      await client.invalidateQueries({ queryKey: ['queue'] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  return (
    <ul className={css.notes} aria-label="Paused">
      {pauses.map((pause) => (
        <li key={`${pause.kind} ${pause.name}`} className={`${css.note} ${css.warn}`}>
          <Icon name="bang" />
          <div className="grow">
            <strong>Paused: {nameOfPause(pause)}</strong>{' '}
            <span className="quiet">
              by {pause.actor}, <Time at={pause.at} relative />
            </span>
            {pause.reason && <p>{pause.reason}</p>}
          </div>
          {can && (
            <Button
              icon="play"
              onClick={() => void resume(pause)}
              aria-label={`Resume ${nameOfPause(pause)}`}
            >
              Resume
            </Button>
          )}
        </li>
      ))}
    </ul>
  )
}

export function CircuitList({ circuits, can }: { circuits: CircuitView[]; can: boolean }) {
  const client = useQueryClient()
  const reset = async (circuit: CircuitView): Promise<void> => {
    try {
      await call('POST /api/v1/circuits/{connection}/reset', { path: { connection: circuit.connection } })
      toast.done(`What waits for ${circuit.connection} goes on`)
      await client.invalidateQueries({ queryKey: ['queue'] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  return (
    <ul className={css.notes} aria-label="Open circuits">
      {circuits.map((circuit) => (
        <li key={circuit.connection} className={`${css.note} ${css.bad}`}>
          <Icon name="plug" />
          <div className="grow">
            <strong>The target of {circuit.connection} is down</strong>{' '}
            <span className="quiet">
              {plural(circuit.failures, 'failure')}, since <Time at={circuit.opened_at} />
            </span>
            <p className="mono">{circuit.error}</p>
            <p className="quiet small">
              {circuit.trying ? (
                'One request is trying it now.'
              ) : (
                <>
                  One request tries it <Time at={circuit.until} relative />.
                </>
              )}
            </p>
          </div>
          {can && (
            <Button
              icon="retry"
              onClick={() => void reset(circuit)}
              aria-label={`Go on now with ${circuit.connection}`}
            >
              Go on now
            </Button>
          )}
        </li>
      ))}
    </ul>
  )
}

export function PauseDialog({ first, onClose }: { first: PauseRequest; onClose(): void }) {
  const client = useQueryClient()
  const [kind, setKind] = useState(first.kind)
  const [name, setName] = useState(first.name ?? '')
  const [reason, setReason] = useState('')
  return (
    <Confirm
      title="Pause"
      about="Nothing of it starts until it is resumed. Runs under way wait before they use a paused connection."
      action="Pause"
      onClose={onClose}
      act={async () => {
        const done = await call('POST /api/v1/pauses', {
          body: { kind, name: kind === 'all' ? '' : name.trim(), reason: reason.trim() },
        })
        toast.done(`Paused ${nameOfPause(done)}`)
        await client.invalidateQueries({ queryKey: ['queue'] })
      }}
    >
      <Field label="What">
        <Select
          value={kind}
          onChange={(value) => setKind(value as PauseRequest['kind'])}
          options={[
            { value: 'all', label: 'Everything' },
            { value: 'flow', label: 'One flow' },
            { value: 'connection', label: 'One connection' },
          ]}
        />
      </Field>
      {kind !== 'all' && (
        <Field label={kind === 'flow' ? 'Name of the flow' : 'Name of the connection'}>
          <Input value={name} onChange={(event) => setName(event.target.value)} required />
        </Field>
      )}
      <Field label="Why" help="Those who look at the queue see it.">
        <Input value={reason} onChange={(event) => setReason(event.target.value)} />
      </Field>
    </Confirm>
  )
}
