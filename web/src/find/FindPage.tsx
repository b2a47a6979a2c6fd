import { useTitle } from '~/routes/hooks'

export default function FindPage() {
  useTitle('Find')
  return (
    <div className="page">
      <h1>Find</h1>
    </div>
  )
}
