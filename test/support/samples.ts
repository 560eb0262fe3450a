/**
 * Reads the samples of an exposition.
 *
 * @module
 */

/** The samples of a text, by their names and labels. */
export function samplesOf(text: unknown): Record<string, number> {
  const lines = String(text)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      const value = line.slice(end + 1)
      return [line.slice(0, end), value === '+Inf' ? Infinity : Number(value)]
    }),
  )
}
