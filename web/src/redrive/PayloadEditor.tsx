/** A whole payload, as stored beside as it is to be. The edit is uploaded when it is used. */

import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo, useState } from 'react'
import { address, send } from '~/api/client'
import { readJson } from '~/api/json'
import type { UploadView } from '~/api/types'
import { Button } from '~/components/Button'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { toast } from '~/components/Toasts'
import { outline, relaid, spread } from '~/payload/lexer'
import css from './redrive.module.css'

const SideBySide = lazy(() => import('~/payload/SideBySide'))

export function PayloadEditor({ payload, onEdit }: { payload: string; onEdit(upload: string | null): void }) {
  const found = useQuery({
    queryKey: ['payload', payload, 'text'],
    queryFn: async ({ signal }) =>
      await (await send(`/api/v1/payloads/${encodeURIComponent(payload)}/content`, { signal })).text(),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const stored = found.data ?? ''
  const laid = useMemo(() => {
    const read = outline(stored)
    return read.broken ? { json: false, text: stored } : { json: true, text: spread(read) }
  }, [stored])
  const [text, setText] = useState<string | null>(null)
  const [used, setUsed] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  if (found.error) return <ProblemNote error={found.error} />
  if (found.data === undefined) return <Loading what="Reading the payload" />
  const now = text ?? laid.text
  const broken = laid.json && outline(now).broken
  const use = async (): Promise<void> => {
    setBusy(true)
    try {
      const body = laid.json && !broken ? relaid(stored, now) : now
      const answer = await send(address('/api/v1/uploads', {}, { like: payload }), {
        method: 'POST',
        headers: { 'Content-Type': 'application/octet-stream' },
        body,
      })
      onEdit((readJson(await answer.text()) as UploadView).id)
      setUsed(now)
    } catch (thrown) {
      toast.problem(thrown)
    }
    setBusy(false)
  }
  return (
    <div className={css.editor}>
      <div className={css.editorHead}>
        <span>
          The payload as stored, and <strong>as it is to be</strong>
        </span>
        <Button busy={busy} disabled={now === (used ?? laid.text)} onClick={() => void use()}>
          Use this edit
        </Button>
      </div>
      <div className={css.editorBody}>
        <Suspense fallback={<Loading what="Opening the editor" />}>
          <SideBySide
            before={laid.text}
            after={laid.text}
            language={laid.json ? 'json' : 'text'}
            label="The payload"
            onChange={(next) => {
              setText(next)
              if (next === laid.text) onEdit(null)
            }}
          />
        </Suspense>
      </div>
      {broken && (
        <p className={css.fault} role="alert">
          It is no JSON any more. Mend it; the plan says where.
        </p>
      )}
      {used !== null && used === now && <p className="quiet small">The plan is made with this edit.</p>}
    </div>
  )
}
