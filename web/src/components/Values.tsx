/** Times, sizes and durations, each with its exact value in the title. */

import { useEffect, useState } from 'react'
import { ago, bytes, count, duration } from './format'

const LOCAL = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const TODAY = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })
const LOCAL_YEAR = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
})

/** The user's own time; the title is UTC. `relative` says how long ago, and keeps saying it. */
export function Time({ at, relative }: { at: string | null | undefined; relative?: boolean }) {
  const now = useNow(relative ? 5_000 : 0)
  if (!at) return <span className="quiet">–</span>
  const then = new Date(at)
  const form =
    then.toDateString() === now.toDateString()
      ? TODAY
      : then.getFullYear() === now.getFullYear()
        ? LOCAL
        : LOCAL_YEAR
  return (
    <time dateTime={at} title={`${then.toISOString().replace('T', ' ').replace('Z', ' UTC')}`}>
      {relative ? ago(then, now) : form.format(then)}
    </time>
  )
}

export function Bytes({ value }: { value: number | null | undefined }) {
  if (value === null || value === undefined) return <span className="quiet">–</span>
  return <span title={`${count(value)} bytes`}>{bytes(value)}</span>
}

/** Of what is under way, `since` is when it began: it counts on. */
export function Duration({ seconds, since }: { seconds: number | null | undefined; since?: string | null }) {
  const running = since ? since : null
  const now = useNow(running ? 1_000 : 0)
  const value = running ? Math.max(0, (now.getTime() - Date.parse(running)) / 1000) : seconds
  if (value === null || value === undefined) return <span className="quiet">–</span>
  return <span title={`${value} s`}>{duration(value)}</span>
}

/** The present, read again each so many milliseconds; 0 reads it once. */
export function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    if (everyMs === 0) return
    const timer = setInterval(() => setNow(new Date()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
