/**
 * Combines metrics of one name that several processes or registries have.
 *
 * @module
 */
import { type Aggregator, COMBINATIONS, PROCESS_LABEL } from '../metrics/aggregator.js'
import { labelKey } from './labels.js'
import type { MetricObjectWithValues, MetricValue } from './registry.js'

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

function factoryOf(aggregator: keyof typeof COMBINATIONS): AggregateMetrics {
  return AggregatorFactory((values) => COMBINATIONS[aggregator](values.map(({ value }) => value)))
}

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
