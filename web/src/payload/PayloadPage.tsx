/** A payload on its own page. What is shown of it lives in the address. */

import { Link } from '@tanstack/react-router'
import { useCallback } from 'react'
import { usePart, useTitle, useView } from '~/routes/hooks'
import { PayloadView, type ViewState } from './PayloadView'
import css from './payload.module.css'

export default function PayloadPage() {
  const payload = usePart('payload')
  const [view, change] = useView()
  useTitle(`Payload ${payload}`)
  const set = useCallback((patch: ViewState) => change(patch as Record<string, string>), [change])
  return (
    <div className="page-full">
      <div className="page-head">
        <h1>Payload</h1>
        <code className="quiet">{payload}</code>
        {view.run && (
          <Link to={`/runs/${view.run}`} className="link">
            Run {view.run}
          </Link>
        )}
      </div>
      <div className={css.page}>
        <PayloadView
          payload={payload}
          run={view.run}
          step={view.step}
          side={view.side as 'in' | 'out' | 'failed' | undefined}
          state={view}
          onState={set}
        />
      </div>
    </div>
  )
}
