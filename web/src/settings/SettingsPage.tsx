/** Settings of the home, and what is done to all of it: keeping, backups, the index, messages, keys, erasing. */

import { useCan } from '~/api/me'
import { Tabs } from '~/components/Tabs'
import { useTitle, useView } from '~/routes/hooks'
import { Erasing } from './Erasing'
import { Groups } from './Groups'
import { Keeping } from './Keeping'
import { Keys } from './Keys'
import { Table } from './Table'
import { Triggers } from './Triggers'

export default function SettingsPage() {
  useTitle('Settings')
  const [view, change] = useView()
  const may = useCan()('administer')
  return (
    <div className="page">
      <div className="page-head">
        <h1>Settings</h1>
      </div>
      <Tabs
        label="Settings"
        value={view.tab ?? ''}
        onChange={(tab) => change({ tab, text: null })}
        tabs={[
          ...(may
            ? [
                { id: 'settings', label: 'Settings', body: () => <Table /> },
                { id: 'keeping', label: 'Keeping and backups', body: () => <Keeping /> },
              ]
            : []),
          { id: 'triggers', label: 'Triggers', body: () => <Triggers /> },
          { id: 'groups', label: 'Notification groups', body: () => <Groups /> },
          ...(may
            ? [
                { id: 'keys', label: 'Secrets', body: () => <Keys /> },
                { id: 'erasing', label: 'Erasing', body: () => <Erasing /> },
              ]
            : []),
        ]}
      />
    </div>
  )
}
