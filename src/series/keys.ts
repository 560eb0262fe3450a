/**
 * The keys of slots, which say what a slot holds.
 *
 *     key of a slot                                                  what the slot holds
 *     'metric', scope, name, type, help, specification as JSON       its state, which its registration sets
 *     'series', scope, name, part, label, value, label, value, ...   one number of a series
 *
 * The part of a series is empty for counters and gauges, and the bucket's upper bound for histograms. If processes share the
 * memory, the part of a gauge is the column of its process, and that of a bucket also names all bounds. Metrics of one scope
 * and name are one metric, whichever thread registers them.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Aggregator } from '../metrics/aggregator.js'

/** What all threads that register a metric must agree on. */
export interface SharedMetric {
  readonly scope: string
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly buckets: readonly number[] | null
  readonly aggregator: Aggregator
}

export function metricKey(metric: SharedMetric): string[] {
  const { scope, name, type, help, labelNames, buckets, aggregator } = metric
  const specification = JSON.stringify({ labelNames: [...labelNames].sort(), buckets, aggregator })
  return ['metric', scope, name, type, help, specification]
}

/** The metric of a key; null if that is not the key of a metric. */
export function metricOf(key: readonly string[]): SharedMetric | null {
  const [what, scope, name, type, help, specification] = key
  if (what !== 'metric') return null
  try {
    const { labelNames, buckets, aggregator } = JSON.parse(specification ?? '') as SharedMetric
    const isUsable =
      typeof aggregator === 'string' &&
      Array.isArray(labelNames) &&
      labelNames.every((label) => typeof label === 'string') &&
      (buckets === null || (Array.isArray(buckets) && buckets.every((bound) => typeof bound === 'number')))
    if (!isUsable || scope === undefined || name === undefined || type === undefined || help === undefined)
      return null
    return { scope, name, type, help, labelNames, buckets, aggregator }
  } catch {
    return null
  }
}

/** The text that stands for a metric in maps. U+0000 is in no name. */
export function identity(scope: string, name: string): string {
  return `${scope}\0${name}`
}

/** The part of a key that names the column of a gauge; {@link columnOf} reads it. */
export function columnPart(column: number): string {
  return `@${column}`
}

/** The column in the part of a key; -1 if the part is not that of a gauge of a process. */
export function columnOf(part: string): number {
  const [, column] = /^@(\d{1,4})$/.exec(part) ?? []
  return column === undefined ? -1 : Number(column)
}

/** The parts of buckets that processes share: a bound, and a hash of all bounds, as releases may differ. */
export function sharedBucketParts(bounds: readonly string[]): string[] {
  const hash = createHash('sha256').update(bounds.join(' ')).digest('hex').slice(0, 6)
  return bounds.map((bound) => `${bound} ${hash}`)
}

/** The bound of a bucket in the text of a key. */
export function boundText(bound: number): string {
  return bound === Infinity ? '+Inf' : String(bound)
}

/** The names and values of labels that follow each other in a key. */
export function pairsOf(pairs: readonly string[]): [name: string, value: string][] {
  return Array.from({ length: pairs.length >>> 1 }, (_, k) => [
    pairs[2 * k] as string,
    pairs[2 * k + 1] as string,
  ])
}
