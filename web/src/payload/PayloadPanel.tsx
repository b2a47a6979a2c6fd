/** The payload view wherever a page shows it: in a panel, under a step, beside a hit. */

import { useCallback, useState } from 'react'
import type { PayloadPanelProps } from '~/components/slots'
import { PayloadView, type ViewState } from './PayloadView'
import css from './payload.module.css'

export default function PayloadPanel(props: PayloadPanelProps) {
  const { payload, item, value } = props
  return <Panel key={`${payload}-${item}-${value}`} {...props} />
}

function Panel({ payload, run, step, side, item, value }: PayloadPanelProps) {
  const [state, setState] = useState<ViewState>({
    ...(item === undefined ? {} : { item: String(item) }),
    ...(value === undefined ? {} : { q: value }),
  })
  const change = useCallback((patch: ViewState) => setState((before) => ({ ...before, ...patch })), [])
  return (
    <div className={css.panel}>
      <PayloadView payload={payload} run={run} step={step} side={side} state={state} onState={change} />
    </div>
  )
}
