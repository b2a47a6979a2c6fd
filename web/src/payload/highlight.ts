/** Marks what was searched for without touching the text: the browser paints ranges of it. */

import { type RefObject, useEffect, useId } from 'react'

const MOST = 500

/** Paints each place of `term` in the element; `exact` one place of it, which is scrolled to. */
export function useHighlight(
  element: RefObject<HTMLElement | null>,
  term: string,
  drawn: unknown,
  exact?: { from: number; length: number } | null,
): void {
  const id = useId()
  // biome-ignore lint/correctness/useExhaustiveDependencies: `drawn` says that other text is there
  useEffect(() => {
    const root = element.current
    if (root === null || !('highlights' in CSS)) return
    const ranges = term === '' ? [] : rangesOf(root, term)
    all.set(id, ranges)
    paint('found', [...all.values()].flat())
    if (exact) {
      const one = rangeAt(root, exact.from, exact.length)
      if (one) {
        paint('found-here', [one])
        const box = one.getBoundingClientRect()
        const view = root.getBoundingClientRect()
        root.scrollTop += box.top - view.top - view.height / 3
      }
    } else paint('found-here', [])
    return () => {
      all.delete(id)
      paint('found', [...all.values()].flat())
    }
  }, [element, term, drawn, id, exact])
}

const all = new Map<string, Range[]>()

function paint(name: string, ranges: Range[]): void {
  if (ranges.length === 0) CSS.highlights.delete(name)
  else CSS.highlights.set(name, new Highlight(...ranges))
}

function rangesOf(root: HTMLElement, term: string): Range[] {
  const sought = term.toLowerCase()
  const found: Range[] = []
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  for (let node = walk.nextNode(); node !== null && found.length < MOST; node = walk.nextNode()) {
    const text = (node.nodeValue ?? '').toLowerCase()
    for (
      let at = text.indexOf(sought);
      at >= 0 && found.length < MOST;
      at = text.indexOf(sought, at + sought.length)
    ) {
      found.push(range(node, at, Math.min(at + sought.length, node.nodeValue?.length ?? 0)))
    }
  }
  return found
}

function rangeAt(root: HTMLElement, from: number, length: number): Range | null {
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  let before = 0
  for (let node = walk.nextNode(); node !== null; node = walk.nextNode()) {
    const size = node.nodeValue?.length ?? 0
    if (from < before + size) return range(node, from - before, Math.min(size, from - before + length))
    before += size
  }
  return null
}

function range(node: Node, from: number, to: number): Range {
  const made = document.createRange()
  made.setStart(node, from)
  made.setEnd(node, to)
  return made
}
