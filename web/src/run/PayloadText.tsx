/** The text of a payload as it is stored, up to 64 KiB. */

import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import { CopyButton } from '~/components/CopyButton'
import { plural } from '~/components/format'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import type { PayloadPanelProps } from '~/components/slots'
import { Bytes } from '~/components/Values'
import css from './run.module.css'

export default function PayloadText({ payload }: PayloadPanelProps) {
  const found = useQuery({
    queryKey: ['payload', payload],
    queryFn: ({ signal }) =>
      call('GET /api/v1/payloads/{payload_id}', { path: { payload_id: payload }, signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the payload" />
  const shown = found.data
  return (
    <section className={css.payloadText} aria-label={`Payload ${payload}`}>
      <div className="row">
        <span className="quiet small">
          {shown.items !== null && `${plural(shown.items ?? 0, 'item')} · `}
          <Bytes value={shown.size_bytes} /> · {shown.media_type}
        </span>
        <span className="grow" />
        <CopyButton text={shown.text ?? ''} label="Copy the text" />
        <a className="button bare" href={`/api/v1/payloads/${payload}/content`} download={payload}>
          Download
        </a>
      </div>
      <pre className={css.text}>{shown.text ?? 'This content is not text.'}</pre>
    </section>
  )
}
