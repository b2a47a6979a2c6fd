/** The keys of a text, one on each line; blanks around them and empty lines are left out, each key once. */
export function keysOf(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  return [...new Set(lines.filter((line) => line !== ''))]
}
