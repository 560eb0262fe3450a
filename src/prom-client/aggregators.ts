/**
 * Combines metrics of one name that several processes or registries have.
 *
 * @module
 */
import { labelKey } from './labels.js'
import type { MetricObjectWithValues, MetricValue } from './registry.js'

/**
 * How values of several processes are combined: `omit` leaves them out of {@link AggregatorRegistry}, and `process` shows a series for
 * each process, with the label `process`. prom-client has no `process`.
 */
export type Aggregator = 'omit' | 'sum' | 'first' | 'min' | 'max' | 'average' | 'process'

/** Combines metrics of one name; undefined if they are to be left out. */
export type AggregateMetrics = (
  metrics: readonly MetricObjectWithValues[],
) => MetricObjectWithValues | undefined

/** Returns an aggregator that makes one value of those with equal labels. */
export function AggregatorFactory(combine: (values: readonly MetricValue[]) => number): AggregateMetrics {
  return (metrics) => {
    const [first] = metrics
    if (first === undefined) return undefined
    const groups = new Map<string, MetricValue[]>()
    for (const value of metrics.flatMap(({ values }) => values)) {
      const labels = value.labels as Record<string, unknown>
      const key = `${value.metricName ?? ''} ${labelKey(Object.keys(labels).sort(), labels)}`
      const group = groups.get(key) ?? []
      group.push(value)
      groups.set(key, group)
    }
    const values = [...groups.values()].map((group): MetricValue => {
      const { labels, metricName } = group[0] as MetricValue
      return { value: combine(group), labels, ...(metricName ? { metricName } : {}) }
    })
    const { help, name, type, aggregator } = first
    return { help, name, type, values, aggregator }
  }
}

/** How the values of several processes become one. */
const COMBINATIONS = {
  sum: (values: readonly number[]) => values.reduce((total, value) => total + value, 0),
  first: (values: readonly number[]) => values[0] ?? 0,
  average: (values: readonly number[]) => COMBINATIONS.sum(values) / values.length,
  min: (values: readonly number[]) => values.reduce((least, value) => Math.min(least, value), Infinity),
  max: (values: readonly number[]) => values.reduce((most, value) => Math.max(most, value), -Infinity),
}

/** Combines the values of several processes by an aggregator; those that make no single value are combined as the sum. */
export function combine(aggregator: Aggregator, values: readonly number[]): number {
  const by = Object.hasOwn(COMBINATIONS, aggregator) ? aggregator : 'sum'
  return COMBINATIONS[by as keyof typeof COMBINATIONS](values)
}

function factoryOf(aggregator: keyof typeof COMBINATIONS): AggregateMetrics {
  return AggregatorFactory((values) => COMBINATIONS[aggregator](values.map(({ value }) => value)))
}

/** The label that tells the series of processes apart. */
export const PROCESS_LABEL = 'process'

/** The aggregators that a metric's configuration can name. */
export const aggregators: Readonly<Record<Aggregator, AggregateMetrics>> = {
  sum: factoryOf('sum'),
  first: factoryOf('first'),
  omit: () => undefined,
  average: factoryOf('average'),
  min: factoryOf('min'),
  max: factoryOf('max'),
  process: (metrics) => {
    const [first] = metrics
    if (first === undefined) return undefined
    const values = metrics.flatMap((metric, k) =>
      metric.values.map((value) => ({ ...value, labels: { ...value.labels, [PROCESS_LABEL]: String(k) } })),
    )
    return { ...first, values }
  },
}
