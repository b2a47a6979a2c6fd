/** The frame around every page: navigation, find box, help, and the place where the page goes. */

import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { Suspense, useEffect, useRef, useState } from 'react'
import { useSignedIn } from '~/api/session'
import { Boundary } from '~/components/Fault'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { Toasts } from '~/components/Toasts'
import { FindBox } from './FindBox'
import { KeyHelp } from './KeyHelp'
import { navigation } from './navigation'
import { SignIn } from './SignIn'
import { useShortcuts } from './shortcuts'
import { UserMenu } from './UserMenu'

export function Shell() {
  // Notes hold links: they live where the router is.
  return (
    <>
      {useSignedIn() ? <Frame /> : <SignIn />}
      <Toasts />
    </>
  )
}

function Frame() {
  const [open, setOpen] = useState(false)
  const [help, setHelp] = useState(false)
  const navigate = useNavigate()
  const path = useRouterState({ select: (state) => state.location.pathname })
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)

  useShortcuts(path, {
    help: () => setHelp(true),
    go: (to) => void navigate({ to }),
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new page takes the focus and closes the navigation
  useEffect(() => {
    setOpen(false)
    if (!first.current) main.current?.focus({ preventScroll: true })
    first.current = false
  }, [path])

  return (
    <div className="shell" data-nav={open ? 'open' : 'shut'}>
      <a className="skip-link" href="#main">
        Skip to the page
      </a>
      <header className="topbar">
        <button
          type="button"
          className="icon-button nav-toggle"
          aria-expanded={open}
          aria-controls="navigation"
          aria-label="Navigation"
          onClick={() => setOpen(!open)}
        >
          <Icon name="menu" />
        </button>
        <Link to="/" className="brand" aria-label="Redrive, home">
          <Icon name="redrive" size={20} /> <span>Redrive</span>
        </Link>
        <FindBox />
        <button
          type="button"
          className="icon-button wide-only"
          aria-label="Keyboard help"
          title="Keyboard help (?)"
          onClick={() => setHelp(true)}
        >
          <Icon name="keyboard" />
        </button>
        <UserMenu />
      </header>
      <nav id="navigation" className="navigation" aria-label="Main">
        {navigation().map((group) => (
          <ul key={group.name}>
            {group.pages.map((page) => (
              <li key={page.path}>
                <Link
                  to={page.path}
                  className="nav-link"
                  activeProps={{ className: 'nav-link active', 'aria-current': 'page' }}
                  activeOptions={{ exact: page.path === '/', includeSearch: false }}
                >
                  <Icon name={page.nav.icon} /> {page.title}
                </Link>
              </li>
            ))}
          </ul>
        ))}
      </nav>
      {open && (
        <button
          type="button"
          className="nav-cover"
          aria-label="Close the navigation"
          onClick={() => setOpen(false)}
        />
      )}
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={path}>
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </Boundary>
      </main>
      <KeyHelp open={help} onClose={() => setHelp(false)} />
    </div>
  )
}
