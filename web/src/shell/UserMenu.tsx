/** Light or dark, and the way out. */

import { useState } from 'react'
import { call } from '~/api/client'
import { session } from '~/api/session'
import { Icon } from '~/components/Icon'
import { Menu } from '~/components/Menu'
import { toast } from '~/components/Toasts'
import { chooseTheme, chosenTheme, type Theme } from './theme'

const THEMES: [Theme, string][] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

export function UserMenu() {
  const [theme, setTheme] = useState(chosenTheme)
  const choose = (one: Theme): void => {
    chooseTheme(one)
    setTheme(one)
  }
  const signOut = async (): Promise<void> => {
    try {
      await call('DELETE /api/v1/session')
      session.ended()
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  return (
    <Menu
      label="You and this page"
      trigger={<Icon name="person" />}
      items={[
        ...THEMES.map(([one, label]) => ({ label, checked: theme === one, act: () => choose(one) })),
        'line' as const,
        { label: 'API reference', icon: 'book' as const, href: '/api/v1/docs' },
        { label: 'Sign out', icon: 'out' as const, act: () => void signOut() },
      ]}
    />
  )
}
