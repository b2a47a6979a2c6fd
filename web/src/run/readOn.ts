/** How far a list reads on by itself. Pure.
 *
 * Equal causes fold, and a page of a search may hold nothing: the end of the list can stay in sight however much
 * is read. Of many failures for one cause, a page that read on until its screen is full would read them all.
 */

export interface Reach {
  /** What is read: filters and order. */
  of: string
  /** Entries on the page, and the runs and pages that were read, when the list last grew by an entry. */
  entries: number
  rows: number
  pages: number
}

/** Runs that are read without an entry more: five full pages. */
export const MOST_ROWS = 500
/** Pages: of a search for something rare, each is some hundredths of a second. */
export const MOST_PAGES = 200

/** Where the list stands now. */
export function reached(before: Reach | null, now: Reach): Reach {
  return before === null || before.of !== now.of || now.entries > before.entries ? now : before
}

/** It reads on without being asked. */
export function readsOn(reach: Reach, now: Reach): boolean {
  return now.rows - reach.rows < MOST_ROWS && now.pages - reach.pages < MOST_PAGES
}
