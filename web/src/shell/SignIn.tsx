/** What those see who are not signed in. It makes no call. */

import { CopyButton } from '~/components/CopyButton'
import { Icon } from '~/components/Icon'

const COMMAND = 'redrive token link'

export function SignIn() {
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <h1>
          <Icon name="redrive" size={28} /> Redrive
        </h1>
        <h2>Sign in</h2>
        <p>
          Open the one-time link that <code>redrive up</code> printed, or make a new one on the machine that
          runs it:
        </p>
        <div className="command">
          <code>{COMMAND}</code>
          <CopyButton text={COMMAND} label="Copy the command" />
        </div>
        <p className="quiet">A link signs one browser in, once, for seven days.</p>
      </div>
    </main>
  )
}
