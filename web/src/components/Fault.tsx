/** What is shown where the page itself breaks; the rest of it goes on. */

import { Component, type ReactNode } from 'react'
import { ProblemNote } from './ProblemNote'

export function Fault({ error, reset }: { error: unknown; reset?(): void }) {
  return (
    <div className="page">
      <ProblemNote error={error} onRetry={reset} />
    </div>
  )
}

export class Boundary extends Component<{ children: ReactNode }, { error: unknown; broken: boolean }> {
  override state = { error: null as unknown, broken: false }

  static getDerivedStateFromError(error: unknown) {
    return { error, broken: true }
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children
    return <Fault error={this.state.error} reset={() => this.setState({ error: null, broken: false })} />
  }
}
