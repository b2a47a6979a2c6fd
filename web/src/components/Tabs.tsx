import { Tabs as Base } from '@base-ui/react/tabs'
import type { ReactNode } from 'react'

export interface Tab {
  id: string
  label: ReactNode
  /** A number beside the label. */
  count?: number | string
  /** Drawn only while the tab is open, so only what is looked at is fetched. */
  body(): ReactNode
}

export function Tabs({
  tabs,
  value,
  onChange,
  label,
}: {
  tabs: Tab[]
  value: string
  onChange(id: string): void
  label: string
}) {
  const chosen = tabs.some((tab) => tab.id === value) ? value : (tabs[0]?.id ?? '')
  return (
    <Base.Root value={chosen} onValueChange={(id) => onChange(String(id))} className="tabs">
      <Base.List className="tab-list" aria-label={label}>
        {tabs.map((tab) => (
          <Base.Tab key={tab.id} value={tab.id} className="tab">
            {tab.label}
            {tab.count !== undefined && <span className="count">{tab.count}</span>}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map((tab) => (
        <Base.Panel key={tab.id} value={tab.id} className="tab-panel">
          {tab.id === chosen && tab.body()}
        </Base.Panel>
      ))}
    </Base.Root>
  )
}
