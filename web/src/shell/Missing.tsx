import { Link } from '@tanstack/react-router'
import { Empty } from '~/components/Empty'

export function Missing() {
  return (
    <Empty icon="search" title="There is no such page">
      The address leads nowhere. <Link to="/">Home</Link> and the <Link to="/runs">run log</Link> are there.
    </Empty>
  )
}
