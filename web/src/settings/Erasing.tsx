/** Erasing every item that holds a value: first what holds it, then the erasing; and those that were done. */

import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { call } from '~/api/client'
import { usePages } from '~/api/pages'
import type { ErasePlan } from '~/api/types'
import { Button } from '~/components/Button'
import { Confirm } from '~/components/Confirm'
import { Field, Input } from '~/components/Field'
import { count, plural } from '~/components/format'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import css from './settings.module.css'

export function Erasing() {
  const client = useQueryClient()
  const [value, setValue] = useState('')
  const [field, setField] = useState('')
  const [reason, setReason] = useState('')
  const [plan, setPlan] = useState<ErasePlan | null>(null)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const done = usePages(['erasures'], (cursor, signal) =>
    call('GET /api/v1/erasures', { query: { limit: 50, cursor }, signal }),
  )
  const asked = { value, field: field.trim() || null, reason: reason.trim() }
  const look = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setFault(null)
    try {
      setPlan(await call('POST /api/v1/erasures/plan', { body: asked }))
    } catch (thrown) {
      setFault(thrown)
    }
    setBusy(false)
  }
  return (
    <div className={css.parts}>
      <section className={`card ${css.part}`} aria-labelledby="erase">
        <h2 id="erase">Erase what holds a value</h2>
        <p className="quiet">
          An e-mail address, a customer number: every item that holds it goes from payloads, exchanges and the
          index.
        </p>
        <form onSubmit={(event) => void look(event)}>
          <Field label="Value">
            <Input required value={value} onChange={(event) => setValue(event.target.value)} />
          </Field>
          <Field label="Only in the field" help="Empty: in any field.">
            <Input value={field} onChange={(event) => setField(event.target.value)} />
          </Field>
          <Field label="Why" help="Kept with the erasing.">
            <Input value={reason} onChange={(event) => setReason(event.target.value)} />
          </Field>
          <p className={css.head}>
            <Button type="submit" icon="search" busy={busy}>
              Look what holds it
            </Button>
          </p>
        </form>
        {fault !== null && <ProblemNote error={fault} />}
      </section>
      {plan && (
        <Confirm
          title="Erase it?"
          about="This cannot be undone."
          action="Erase"
          danger
          typed={value.trim()}
          onClose={() => setPlan(null)}
          act={async () => {
            await call('POST /api/v1/erasures', { body: { ...asked, confirm: true } })
            toast.done('Erased')
            setValue('')
            await client.invalidateQueries({ queryKey: ['erasures'] })
          }}
        >
          <p>
            It stands in {plural(plan.items, 'item')} of {plural(plan.payloads, 'payload')},{' '}
            {plural(plan.exchanges, 'exchange')}, {plural(plan.records, 'record')} and{' '}
            {plural(plan.deliveries, 'delivery', 'deliveries')}.
          </p>
          {plan.backups.length > 0 && (
            <p className={css.bad}>
              {plural(plan.backups.length, 'backup')} may hold it still: delete them by hand.
            </p>
          )}
        </Confirm>
      )}
      <section className={`card ${css.part}`} aria-labelledby="erasures">
        <h2 id="erasures">Done</h2>
        {done.error && <ProblemNote error={done.error} />}
        {done.rows.length === 0 && !done.isPending && <p className="quiet">Nothing was erased yet.</p>}
        {done.rows.length > 0 && (
          <table className={css.table} aria-labelledby="erasures">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">By</th>
                <th scope="col">Why</th>
                <th scope="col">Items</th>
              </tr>
            </thead>
            <tbody>
              {done.rows.map((one) => (
                <tr key={one.id}>
                  <td>
                    <Time at={one.at} />
                  </td>
                  <td>{one.actor}</td>
                  <td>{one.reason}</td>
                  <td>{one.found ? count(one.found.items) : '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {done.hasNextPage && <Button onClick={done.onEnd}>Show more</Button>}
      </section>
    </div>
  )
}
