/** The navigation, made from the table of pages. */

import { PAGES, type Page } from '~/routes/pages'

type Listed = Page & { nav: NonNullable<Page['nav']> }

const GROUPS = ['watch', 'build', 'data', 'system'] as const

export function navigation(pages: Page[] = PAGES): { name: string; pages: Listed[] }[] {
  const listed = pages.filter((page): page is Listed => page.nav !== undefined)
  return GROUPS.map((name) => ({
    name,
    pages: listed.filter((page) => page.nav.group === name).sort((a, b) => a.nav.order - b.nav.order),
  })).filter((group) => group.pages.length > 0)
}
