/** Who one is here, what one may do, and one's own password. */

import { type FormEvent, useState } from 'react'
import { call } from '~/api/client'
import { useMe } from '~/api/me'
import { Button } from '~/components/Button'
import { Field, Input } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import css from './people.module.css'

export function Myself() {
  const me = useMe()
  if (me.error) return <ProblemNote error={me.error} onRetry={() => void me.refetch()} />
  if (me.isPending) return <Loading />
  return (
    <div className={css.two}>
      <section className={`card ${css.box}`} aria-labelledby="who">
        <h2 id="who">{me.data.name ?? 'You'}</h2>
        <dl className={css.facts}>
          <dt>Role</dt>
          <dd>{me.data.role ?? 'of a token'}</dd>
          <dt>You may</dt>
          <dd>
            {(me.data.rights ?? []).map((right) => (
              <span key={right} className="badge">
                {right}
              </span>
            ))}
          </dd>
        </dl>
        {me.data.account === null && (
          <p className="quiet">
            You are the local administrator, by a one-time link. Make an account for yourself under Accounts:
            then the audit log tells people apart.
          </p>
        )}
      </section>
      {me.data.account && me.data.session?.way !== 'oidc' && <Password />}
    </div>
  )
}

function Password() {
  const [current, setCurrent] = useState('')
  const [fresh, setFresh] = useState('')
  const [again, setAgain] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const differs = again !== '' && again !== fresh
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setFault(null)
    try {
      await call('PUT /api/v1/me/password', { body: { current, password: fresh } })
      toast.done('The password is changed; your other sessions have ended')
      setCurrent('')
      setFresh('')
      setAgain('')
    } catch (thrown) {
      setFault(thrown)
    }
    setBusy(false)
  }
  return (
    <section className={`card ${css.box}`} aria-labelledby="password">
      <h2 id="password">Your password</h2>
      <form onSubmit={(event) => void save(event)}>
        <Field label="Now">
          <Input
            type="password"
            autoComplete="current-password"
            required
            value={current}
            onChange={(event) => setCurrent(event.target.value)}
          />
        </Field>
        <Field label="New" help="At least 10 characters.">
          <Input
            type="password"
            autoComplete="new-password"
            required
            value={fresh}
            onChange={(event) => setFresh(event.target.value)}
          />
        </Field>
        <Field label="New, once more" fault={differs ? 'This is not the same.' : undefined}>
          <Input
            type="password"
            autoComplete="new-password"
            required
            value={again}
            onChange={(event) => setAgain(event.target.value)}
          />
        </Field>
        {fault !== null && <ProblemNote error={fault} />}
        <p className={css.foot}>
          <Button kind="primary" type="submit" busy={busy} disabled={differs || again === ''}>
            Change the password
          </Button>
        </p>
      </form>
    </section>
  )
}
