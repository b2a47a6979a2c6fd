import { useTitle } from '~/routes/hooks'

export default function HomePage() {
  useTitle('Home')
  return (
    <div className="page">
      <h1>Home</h1>
    </div>
  )
}
