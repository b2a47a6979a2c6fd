/** Follows what the server pushes. All that follow one address share one connection, and a page in a
 * hidden tab has none.
 */

import { useEffect, useRef } from 'react'
import type { RunRow } from './types'

export interface Follower {
  /** Each row that changes. */
  onRun(row: RunRow): void
  /** After a gap in which changes may have been missed: read again. */
  onResume?(): void
}

/** Closed so long after the tab is hidden: going to and fro costs nothing. */
const HIDDEN_MS = 10_000

class Stream {
  readonly followers = new Set<Follower>()
  private source: EventSource | null = null
  /** Also what happened between the first answer of a list and the begin of its stream. */
  private missed = true
  private hiding = 0

  constructor(private readonly url: string) {
    document.addEventListener('visibilitychange', this.seen)
    this.open()
  }

  private readonly seen = (): void => {
    clearTimeout(this.hiding)
    if (document.visibilityState === 'visible') this.open()
    else this.hiding = window.setTimeout(() => this.shut(), HIDDEN_MS)
  }

  private open(): void {
    if (this.source !== null) return
    const source = new EventSource(this.url)
    source.addEventListener('run', (event) => {
      const row = JSON.parse((event as MessageEvent<string>).data) as RunRow
      for (const follower of this.followers) follower.onRun(row)
    })
    source.addEventListener('end', () => this.shut(false))
    source.addEventListener('error', () => {
      this.missed = true
    })
    source.addEventListener('open', () => {
      if (this.missed) for (const follower of this.followers) follower.onResume?.()
      this.missed = false
    })
    this.source = source
  }

  private shut(missed = true): void {
    this.source?.close()
    this.source = null
    this.missed = missed
  }

  end(): void {
    clearTimeout(this.hiding)
    document.removeEventListener('visibilitychange', this.seen)
    this.shut()
  }
}

const streams = new Map<string, Stream>()

/** Joins the stream at `url`; gives the way to leave it. */
export function follow(url: string, follower: Follower): () => void {
  const stream = streams.get(url) ?? new Stream(url)
  streams.set(url, stream)
  stream.followers.add(follower)
  return () => {
    stream.followers.delete(follower)
    if (stream.followers.size > 0) return
    stream.end()
    streams.delete(url)
  }
}

/** Follows every run, or the one that is named; null follows nothing. */
export function useRunEvents(run: string | 'all' | null, follower: Follower): void {
  const latest = useRef(follower)
  useEffect(() => {
    latest.current = follower
  })
  useEffect(() => {
    if (run === null) return
    const url = run === 'all' ? '/api/v1/runs/events' : `/api/v1/runs/${encodeURIComponent(run)}/events`
    return follow(url, {
      onRun: (row) => latest.current.onRun(row),
      onResume: () => latest.current.onResume?.(),
    })
  }, [run])
}
