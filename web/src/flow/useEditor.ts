/** One flow under edit: its text, what may be undone, what the server says of it, and saving. */

import { useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { call } from '~/api/client'
import type { ProblemView } from '~/api/types'
import type { ShapeOf, Step } from './graphModel'
import { stepsOf, walk } from './graphModel'
import { begun, type History, pushed, redone, undone } from './history'
import { type Plain, type Reading, read } from './reading'

export interface Editor {
  name: string
  text: string
  /** Of the last text that could be read. */
  data: { [key: string]: Plain }
  steps: Step[]
  /** The text cannot be read now: the canvas shows what stood before. */
  broken: Reading['faults']
  problems: readonly ProblemView[]
  warnings: readonly string[]
  checking: boolean
  dirty: boolean
  canUndo: boolean
  canRedo: boolean
  /** Takes a new text. Changes with the same key in a row are undone as one. */
  change(text: string | ((before: string) => string), key?: string | null): void
  undo(): void
  redo(): void
  /** The text is what is stored now, as that version of it. */
  stored(text: string): void
  replace(text: string): void
}

export function useEditor(
  name: string,
  initial: string,
  isNew: boolean,
  shapes: ReadonlyMap<string, ShapeOf>,
): Editor {
  const [history, setHistory] = useState<History>(() => begun(initial))
  const [saved, setSaved] = useState(isNew ? '' : initial)
  const text = history.now
  const reading = useMemo(() => read(text), [text])
  const last = useRef<{ [key: string]: Plain }>({})
  if (reading.data !== null) last.current = reading.data
  const data = reading.data ?? last.current
  const steps = useMemo(() => stepsOf(data, shapes), [data, shapes])
  const late = useLate(text, 250)
  const checked = useQuery({
    queryKey: ['check', name, late],
    queryFn: ({ signal }) =>
      call('POST /api/v1/checks', {
        body: { documents: [{ filename: `${name}.yaml`, text: late }] },
        signal,
      }),
    placeholderData: (before) => before,
    enabled: reading.faults.length === 0,
    staleTime: 30_000,
  })
  const change = useCallback<Editor['change']>((next, key = null) => {
    setHistory((before) => pushed(before, typeof next === 'function' ? next(before.now) : next, key))
  }, [])
  const faults = useMemo<ProblemView[]>(
    () =>
      reading.faults.map((fault) => ({
        code: 'document.unreadable',
        title: fault.message,
        line: fault.line,
      })),
    [reading],
  )
  return {
    name,
    text,
    data,
    steps,
    broken: reading.faults,
    problems: faults.length > 0 ? faults : (checked.data?.problems ?? []),
    warnings: checked.data?.warnings ?? [],
    checking: late !== text || checked.isFetching,
    dirty: text !== saved,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    change,
    undo: useCallback(() => setHistory(undone), []),
    redo: useCallback(() => setHistory(redone), []),
    stored: setSaved,
    replace: useCallback((next: string) => {
      setHistory((before) => pushed(before, next))
      setSaved(next)
    }, []),
  }
}

/** The problems of each step; those of no step stand under ''. */
export function byStep(problems: readonly ProblemView[], steps: readonly Step[]): Map<string, ProblemView[]> {
  const known = new Set(walk(steps).map((step) => step.id))
  const found = new Map<string, ProblemView[]>()
  for (const one of problems) {
    const id = one.step && known.has(one.step) ? one.step : ''
    found.set(id, [...(found.get(id) ?? []), one])
  }
  return found
}

function useLate<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return late
}
