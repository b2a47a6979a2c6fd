/** Every page of the product. A new page adds one line here, and nothing else outside its folder. */

import type { ComponentType } from 'react'
import type { IconName } from '~/components/Icon'

export interface Page {
  /** `$name` is a part of the path that changes: `usePart('name')` gives it. */
  path: string
  title: string
  /** Where it stands in the navigation, if it does. */
  nav?: { group: 'watch' | 'build' | 'data' | 'system'; icon: IconName; order: number }
  load: () => Promise<{ default: ComponentType }>
}

// biome-ignore format: one page, one line
export const PAGES: Page[] = [
  { path: '/', title: 'Home', nav: { group: 'watch', icon: 'home', order: 1 }, load: () => import('~/home/HomePage') },
  { path: '/runs', title: 'Run log', nav: { group: 'watch', icon: 'list', order: 2 }, load: () => import('~/run/RunsPage') },
  { path: '/runs/$run', title: 'Run', load: () => import('~/run/RunPage') },
  { path: '/queue', title: 'Queue', nav: { group: 'watch', icon: 'queue', order: 3 }, load: () => import('~/queue/QueuePage') },
  { path: '/flows', title: 'Flows', nav: { group: 'build', icon: 'flow', order: 1 }, load: () => import('~/flow/FlowsPage') },
  { path: '/flows/$flow', title: 'Flow', load: () => import('~/flow/FlowPage') },
  { path: '/start', title: 'Run a flow', nav: { group: 'watch', icon: 'play', order: 3 }, load: () => import('~/initialise/StartPage') },
  { path: '/payloads/$payload', title: 'Payload', load: () => import('~/payload/PayloadPage') },
  { path: '/find', title: 'Find', nav: { group: 'watch', icon: 'search', order: 4 }, load: () => import('~/find/FindPage') },
  { path: '/connections', title: 'Connections', nav: { group: 'build', icon: 'plug', order: 2 }, load: () => import('~/connections/ConnectionsPage') },
  { path: '/connections/$connection', title: 'Connection', load: () => import('~/connections/ConnectionPage') },
  { path: '/connectors/$connector', title: 'Connector', load: () => import('~/connections/ConnectorPage') },
  { path: '/people', title: 'People', nav: { group: 'system', icon: 'people', order: 2 }, load: () => import('~/people/PeoplePage') },
  { path: '/insights', title: 'Insights', nav: { group: 'watch', icon: 'chart', order: 5 }, load: () => import('~/insights/InsightsPage') },
  { path: '/lookups', title: 'Lookups', nav: { group: 'data', icon: 'table', order: 1 }, load: () => import('~/lookups/LookupsPage') },
  { path: '/lookups/$lookup', title: 'Lookup', load: () => import('~/lookups/LookupPage') },
  { path: '/pools', title: 'Data pools', nav: { group: 'data', icon: 'pool', order: 2 }, load: () => import('~/pools/PoolsPage') },
  { path: '/pools/$pool', title: 'Data pool', load: () => import('~/pools/PoolPage') },
  { path: '/caches', title: 'Caches', nav: { group: 'data', icon: 'cache', order: 3 }, load: () => import('~/caches/CachesPage') },
  { path: '/settings', title: 'Settings', nav: { group: 'system', icon: 'cog', order: 1 }, load: () => import('~/settings/SettingsPage') },
]
