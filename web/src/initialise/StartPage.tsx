/** Runs a flow by hand: `/start?flow=NAME&run=RUN&payload=ID` opens the form with what is known. */

import { useNavigate, useRouter } from '@tanstack/react-router'
import { useTitle, useView } from '~/routes/hooks'
import InitialiseDialog from './InitialiseDialog'

export default function StartPage() {
  const [view] = useView()
  const navigate = useNavigate()
  const router = useRouter()
  useTitle('Run a flow')
  const close = (): void => {
    if (router.history.canGoBack()) router.history.back()
    else void navigate({ to: '/runs' })
  }
  return (
    <div className="page">
      <h1>Run a flow</h1>
      <InitialiseDialog
        key={`${view.flow}-${view.run}`}
        {...(view.flow ? { flow: view.flow } : {})}
        {...(view.run ? { run: view.run } : {})}
        {...(view.payload ? { payloads: [view.payload] } : {})}
        onClose={close}
      />
    </div>
  )
}
