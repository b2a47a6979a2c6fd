/** The three dots of a run. */

import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { RunRow } from '~/api/types'
import { Menu, type MenuAction } from '~/components/Menu'
import { RedriveSlot } from '~/components/slots'
import { toast } from '~/components/Toasts'
import { hasEnded } from './model'

interface Props {
  row: RunRow
  onRetry(): void
  onStop(): void
  /** Where the run may be deleted. */
  onDelete?: (() => void) | undefined
}

export function RunMenu({ row, onRetry, onStop, onDelete }: Props) {
  const navigate = useNavigate()
  const [redriving, setRedriving] = useState(false)
  const ended = hasEnded(row)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(`${location.origin}/runs/${row.id}`)
      toast.done('The link was copied')
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  const items: (MenuAction | 'line')[] = [
    {
      label: 'View logs',
      icon: 'list',
      act: () => void navigate({ to: `/runs/${row.id}`, search: { tab: 'logs' } as never }),
    },
    { label: 'Retry…', icon: 'retry', disabled: !ended, act: onRetry },
  ]
  items.push(
    { label: 'Redrive…', icon: 'redrive', disabled: !ended, act: () => setRedriving(true) },
    { label: 'Stop…', icon: 'stop', disabled: ended, act: onStop },
    'line',
    { label: 'Copy link', icon: 'link', act: () => void copy() },
    {
      label: 'Download',
      icon: 'download',
      href: `/api/v1/runs/${row.id}`,
      download: true,
      hint: 'The run as JSON',
    },
  )
  if (onDelete) items.push({ label: 'Delete…', icon: 'trash', danger: true, disabled: !ended, act: onDelete })
  return (
    <>
      <Menu label={`Actions of ${row.id}`} items={items} />
      {redriving && <RedriveSlot runs={[row.id]} kind="redrive" onClose={() => setRedriving(false)} />}
    </>
  )
}
