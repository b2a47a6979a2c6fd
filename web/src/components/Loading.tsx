import { useEffect, useState } from 'react'

/** Shown only after a moment: what comes at once must not flicker. */
export function Loading({ what = 'Loading' }: { what?: string }) {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div className="loading" role="status">
      {late && (
        <>
          <span className="spinner" aria-hidden="true" /> {what}…
        </>
      )}
    </div>
  )
}
