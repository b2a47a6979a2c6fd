/** What those see who are not signed in: a form, the button of the identity provider, the one-time link.
 * The one call that it makes is open to anybody: how one can sign in here.
 */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { call } from '~/api/client'
import { session } from '~/api/session'
import { Button } from '~/components/Button'
import { CopyButton } from '~/components/CopyButton'
import { Field, Input } from '~/components/Field'
import { Icon } from '~/components/Icon'
import { ProblemNote } from '~/components/ProblemNote'
import { faultOf, oidcAddress } from './ways'

const COMMAND = 'redrive token link'

export function SignIn() {
  const me = useQuery({
    queryKey: ['ways-in'],
    queryFn: ({ signal }) => call('GET /api/v1/me', { signal }),
  })
  const ways = me.data?.ways_in
  const byName = ways?.password && !me.data?.first_start // nobody has a password yet
  const fault = faultOf(location.search)
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <h1>
          <Icon name="redrive" size={28} /> Redrive
        </h1>
        <h2>{me.data?.first_start ? 'Welcome: sign in as the first administrator' : 'Sign in'}</h2>
        {fault && (
          <p className="fault" role="alert">
            {fault}
          </p>
        )}
        {byName && <PasswordForm />}
        {ways?.oidc && (
          <a className="button wide" href={oidcAddress(location.pathname, location.search)}>
            <Icon name="people" size={16} /> Sign in with {ways.oidc}
          </a>
        )}
        {me.error && <ProblemNote error={me.error} onRetry={() => void me.refetch()} />}
        <details open={!byName && !ways?.oidc}>
          <summary>With a one-time link</summary>
          <p>
            Open the one-time link that <code>redrive up</code> printed, or make a new one on the machine that
            runs it:
          </p>
          <div className="command">
            <code>{COMMAND}</code>
            <CopyButton text={COMMAND} label="Copy the command" />
          </div>
          <p className="quiet small">
            A link signs one browser in, once, as the local administrator.
            {me.data?.first_start && ' Then make accounts for people on the page People.'}
          </p>
        </details>
      </div>
    </main>
  )
}

function PasswordForm() {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<unknown>(null)
  const go = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setFault(null)
    try {
      await call('POST /api/v1/sign-in', { body: { name, password } })
      client.clear() // nothing of who was signed in before
      session.began()
    } catch (thrown) {
      setFault(thrown)
      setPassword('')
      setBusy(false)
    }
  }
  return (
    <form onSubmit={(event) => void go(event)} className="sign-in-form">
      <Field label="Name">
        <Input
          name="username"
          autoComplete="username"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field label="Password">
        <Input
          name="password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      {fault !== null && <ProblemNote error={fault} />}
      <Button kind="primary" type="submit" busy={busy} className="wide">
        Sign in
      </Button>
    </form>
  )
}
