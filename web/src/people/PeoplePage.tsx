/** People: oneself, accounts, sessions, tokens, what was done, and what is hidden. */

import { useCan } from '~/api/me'
import { Tabs } from '~/components/Tabs'
import { useTitle, useView } from '~/routes/hooks'
import { Accounts } from './Accounts'
import { AuditLog } from './AuditLog'
import { Masks } from './Masks'
import { Myself } from './Myself'
import css from './people.module.css'
import { Sessions } from './Sessions'
import { Tokens } from './Tokens'

export default function PeoplePage() {
  useTitle('People')
  const [view, change] = useView()
  const can = useCan()
  return (
    <div className={`page ${css.page}`}>
      <div className="page-head">
        <h1>People</h1>
      </div>
      <Tabs
        label="People"
        value={view.tab ?? 'you'}
        onChange={(tab) => change({ tab: tab === 'you' ? null : tab, who: null, what: null, since: null })}
        tabs={[
          { id: 'you', label: 'You', body: () => <Myself /> },
          ...(can('people') ? [{ id: 'accounts', label: 'Accounts', body: () => <Accounts /> }] : []),
          { id: 'sessions', label: 'Sessions', body: () => <Sessions all={can('people')} /> },
          { id: 'tokens', label: 'API tokens', body: () => <Tokens /> },
          ...(can('audit') ? [{ id: 'audit', label: 'Audit log', body: () => <AuditLog /> }] : []),
          { id: 'masks', label: 'Masking rules', body: () => <Masks /> },
        ]}
      />
    </div>
  )
}
