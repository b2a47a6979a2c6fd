/** What pages ask the address for. */

import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect } from 'react'
import { changed, type View } from './view'

/** A part of the path: of `/runs/$run`, `usePart('run')`. */
export function usePart(name: string): string {
  const parts = useParams({ strict: false }) as Record<string, string | undefined>
  return parts[name] ?? ''
}

type Change = (patch: Record<string, string | null | undefined>, how?: { push?: boolean }) => void

/** The view state in the address, and how to change parts of it. It replaces the entry in the browser's
 * history unless `push` asks for a new one (an opened panel that Back shall close).
 */
export function useView(): [View, Change] {
  const view = useSearch({ strict: false }) as View
  const navigate = useNavigate()
  const change = useCallback<Change>(
    (patch, how) => {
      const search = (before: Record<string, unknown>): View => changed(before as View, patch)
      void navigate({ to: '.', search: search as never, replace: !how?.push, resetScroll: false })
    },
    [navigate],
  )
  return [view, change]
}

/** The name of what the page shows, for the tab of the browser. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Redrive` : 'Redrive'
  }, [title])
}
