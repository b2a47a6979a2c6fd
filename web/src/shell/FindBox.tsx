/** One box for any value: an order number, a SKU, an e-mail address, a run's id. */

import { useNavigate, useRouterState } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { Icon } from '~/components/Icon'
import { foundAt } from './find'
import { useKeys } from './shortcuts'

export function FindBox() {
  const navigate = useNavigate()
  const asked = useRouterState({
    select: (state) =>
      state.location.pathname === '/find'
        ? String((state.location.search as { value?: string }).value ?? '')
        : '',
  })
  const [text, setText] = useState(asked)
  const box = useRef<HTMLInputElement>(null)
  const focus = (): void => box.current?.select()
  useKeys({ '/': focus, 'Mod+k': focus })
  useEffect(() => setText(asked), [asked])

  return (
    <form
      role="search"
      className="find-box"
      onSubmit={(event) => {
        event.preventDefault()
        const place = foundAt(text)
        if (place !== null) void navigate({ to: place.to, search: (place.search ?? {}) as never })
      }}
    >
      <Icon name="search" size={16} />
      <input
        ref={box}
        type="search"
        aria-label="Find any value"
        placeholder="Find an order, a SKU, an e-mail address, a run…"
        value={text}
        maxLength={2000}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  )
}
