/** One flow: reads what is stored, then hands it to the builder. */

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '~/api/client'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import { usePart, useTitle, useView } from '~/routes/hooks'
import { Builder } from './Builder'
import { readStored } from './storing'
import { TEMPLATES } from './templates'

export default function FlowPage() {
  const name = usePart('flow')
  return <Opened key={name} name={name} />
}

function Opened({ name }: { name: string }) {
  useTitle(name)
  const [view] = useView()
  const [template] = useState(view.new)
  const shapes = useQuery({
    queryKey: ['shapes'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => call('GET /api/v1/shapes', { signal }),
  })
  // Read once: what is under edit is not replaced behind the user's back.
  const stored = useQuery({
    queryKey: ['flow-text', name],
    enabled: !template,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    queryFn: ({ signal }) => readStored(name, signal),
  })
  const error = shapes.error ?? stored.error
  if (error) return <ProblemNote error={error} onRetry={() => void stored.refetch()} />
  if (!shapes.data || (!template && !stored.data)) return <Loading what="Opening the flow" />
  const fresh = stored.data === undefined
  const text = stored.data?.text ?? (TEMPLATES[template ?? ''] ?? TEMPLATES.empty)?.text(name) ?? ''
  return (
    <Builder
      name={name}
      initial={text}
      isNew={fresh}
      tag={stored.data?.tag ?? ''}
      shapes={shapes.data.items}
    />
  )
}
