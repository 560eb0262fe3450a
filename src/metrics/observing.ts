/**
 * What functions have in common that keep metrics of a schema up to date with what something else counts.
 *
 * @module
 */

/** A counter with one value. */
interface Growing {
  readonly value: number
  inc(by: number): void
}

/**
 * Makes a counter grow to a total that others may have reported to it already, as all threads and processes that share the metrics find
 * equal totals.
 */
export function growTo(counter: Growing, total: number): void {
  counter.inc(Math.max(0, total - counter.value))
}

/**
 * Checks that metrics have all that the groups of a schema declare. From JavaScript, `metrics` may be anything.
 *
 * @param name - the name of the schema, for the message.
 * @throws TypeError if one is missing.
 */
export function checkHasGroups(
  metrics: unknown,
  groups: Readonly<Record<string, object>>,
  name: string,
): void {
  const given = (metrics ?? {}) as Readonly<Record<string, unknown>>
  const keys = Object.values(groups).flatMap((group) => Object.keys(group))
  const missing = keys.find((key) => typeof given[key] !== 'object')
  if (missing === undefined) return
  throw new TypeError(
    `metrics: expected metrics whose schema has all groups of ${name}, got some without ${missing}`,
  )
}
