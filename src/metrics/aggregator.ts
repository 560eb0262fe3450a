/**
 * How the values of several processes become one.
 *
 * @module
 */

/** What {@link Aggregator} can be. */
export const AGGREGATORS = ['sum', 'first', 'average', 'min', 'max', 'omit', 'process'] as const

/**
 * How values of several processes are combined: `omit` leaves them out of {@link AggregatorRegistry}, and `process` shows a series for
 * each process, with the label `process`. prom-client has no `process`.
 */
export type Aggregator = (typeof AGGREGATORS)[number]

/** How the values of several processes become one. */
export const COMBINATIONS = {
  sum: (values: readonly number[]) => values.reduce((total, value) => total + value, 0),
  first: (values: readonly number[]) => values[0] ?? 0,
  average: (values: readonly number[]) => COMBINATIONS.sum(values) / values.length,
  min: (values: readonly number[]) => values.reduce((least, value) => Math.min(least, value), Infinity),
  max: (values: readonly number[]) => values.reduce((most, value) => Math.max(most, value), -Infinity),
}

/** Combines the values of several processes by an aggregator; those that make no single value are combined as the sum. */
export function combine(aggregator: string, values: readonly number[]): number {
  const by = Object.hasOwn(COMBINATIONS, aggregator) ? aggregator : 'sum'
  return COMBINATIONS[by as keyof typeof COMBINATIONS](values)
}

/** The label that tells the series of processes apart. */
export const PROCESS_LABEL = 'process'
