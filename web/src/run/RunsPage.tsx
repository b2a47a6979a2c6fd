import { useTitle } from '~/routes/hooks'

export default function RunsPage() {
  useTitle('Run log')
  return (
    <div className="page">
      <h1>Run log</h1>
    </div>
  )
}
