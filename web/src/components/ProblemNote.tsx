/** A failed call as the user reads it: what, where, the way out, and the number for the server's log. */

import { asProblem } from '~/api/problem'
import { Button } from './Button'
import { Icon } from './Icon'

export function ProblemNote({ error, onRetry }: { error: unknown; onRetry?(): void }) {
  const problem = asProblem(error)
  return (
    <div className="problem" role="alert">
      <Icon name="bang" />
      <div>
        <strong>{problem.title}</strong>
        {problem.detail && problem.detail !== problem.title && <p>{problem.detail}</p>}
        {problem.problems.length > 0 && (
          <ul>
            {problem.problems.map((one, index) => (
              <li key={index}>
                {[one.file && `${one.file}${one.line ? `:${one.line}` : ''}`, one.step, one.setting]
                  .filter(Boolean)
                  .join(' · ')}{' '}
                {one.title}
                {one.nearest && (
                  <>
                    {' '}
                    Did you mean <code>{one.nearest}</code>?
                  </>
                )}
              </li>
            ))}
          </ul>
        )}
        {problem.hint && <p className="hint">{problem.hint}</p>}
        <p className="quiet small">
          <code>{problem.code}</code>
          {problem.at && (
            <>
              {' '}
              at <code>{problem.at}</code>
            </>
          )}
          {problem.requestId && (
            <>
              {' '}
              · request <code>{problem.requestId}</code>
            </>
          )}
        </p>
        {onRetry && (
          <Button icon="retry" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  )
}
