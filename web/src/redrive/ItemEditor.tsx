/** One item, as stored beside as it is to be. Spread for the eye; stored as compact as before. */

import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo, useState } from 'react'
import { call } from '~/api/client'
import { Button } from '~/components/Button'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { outline, relaid, spread } from '~/payload/lexer'
import css from './redrive.module.css'

const SideBySide = lazy(() => import('~/payload/SideBySide'))
const MOST = 256 * 1024

interface Props {
  payload: string
  item: number
  /** The text that the item is to have; null: as it is. */
  onEdit(text: string | null): void
}

export function ItemEditor({ payload, item, onEdit }: Props) {
  const found = useQuery({
    queryKey: ['item', payload, item, 'edit'],
    queryFn: ({ signal }) =>
      call('GET /api/v1/payloads/{payload_id}/window', {
        path: { payload_id: payload },
        query: { start: item, stop: item + 1, item_bytes: MOST },
        signal,
      }),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const one = found.data?.items[0]
  const stored = one?.text ?? ''
  const [again, setAgain] = useState(0)
  const [edited, setEdited] = useState(false)
  const laid = useMemo(() => {
    const read = outline(stored)
    return read.broken ? { json: false, text: stored } : { json: true, text: spread(read) }
  }, [stored])
  if (found.error) return <ProblemNote error={found.error} />
  if (!found.data) return <Loading what="Reading the item" />
  if (one === undefined) return <p className="quiet">There is no item {item}.</p>
  if (one.trimmed) return <p className="quiet">The item is too large to be edited here.</p>
  const change = (text: string): void => {
    const same = text === laid.text
    setEdited(!same)
    onEdit(same ? null : laid.json ? relaid(stored, text) : text)
  }
  return (
    <div className={css.editor}>
      <div className={css.editorHead}>
        <span>
          Item {item}: as stored, and <strong>as it is to be</strong>
        </span>
        {edited && (
          <Button
            kind="bare"
            icon="undo"
            onClick={() => {
              setAgain(again + 1)
              change(laid.text)
            }}
          >
            Undo the edit
          </Button>
        )}
      </div>
      <div className={css.editorBody}>
        <Suspense fallback={<Loading what="Opening the editor" />}>
          <SideBySide
            key={again}
            before={laid.text}
            after={laid.text}
            language={laid.json ? 'json' : 'text'}
            label={`Item ${item}`}
            onChange={change}
          />
        </Suspense>
      </div>
    </div>
  )
}
