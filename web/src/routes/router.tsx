/** The router, made from the table of pages. Each page is a file that is fetched when it is first opened. */

import {
  type AnyRoute,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { Fault } from '~/components/Fault'
import { Missing } from '~/shell/Missing'
import { Shell } from '~/shell/Shell'
import { PAGES } from './pages'
import { readView, writeView } from './view'

const root = createRootRoute({ component: Shell, notFoundComponent: Missing, errorComponent: Fault })

const routes: AnyRoute[] = PAGES.map((page) =>
  createRoute({
    getParentRoute: () => root,
    path: page.path,
    component: lazyRouteComponent(page.load),
    errorComponent: Fault,
  }),
)

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: 'intent',
  defaultPreloadDelay: 30,
  scrollRestoration: true,
  parseSearch: readView,
  stringifySearch: writeView,
})
