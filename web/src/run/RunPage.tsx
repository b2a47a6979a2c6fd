import { useTitle } from '~/routes/hooks'

export default function RunPage() {
  useTitle('Run')
  return (
    <div className="page">
      <h1>Run</h1>
    </div>
  )
}
