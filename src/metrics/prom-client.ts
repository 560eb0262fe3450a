/**
 * The metrics as collectors of a prom-client registry. Nothing here loads prom-client: a registry is
 * whatever has its method.
 *
 * @module
 */
import type { Internals } from './internals.js'
import { type Family, classicBuckets, cumulate, familiesOf } from './read.js'

/** A sample as prom-client's registry prints it. */
interface PromValue {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  /** Where it is not the metric's own. */
  readonly metricName?: string
}

/** A metric as prom-client's registry asks for it. */
interface PromObject {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: readonly PromValue[]
}

/** prom-client's `Registry`, as far as it matters here. */
export interface PromRegistry {
  registerMetric(metric: never): void
}

function histogramValues(family: Family, series: number, labels: PromValue['labels']): PromValue[] {
  const { name, buckets: schema } = family.spec
  const { count, sum, counts } = family.distributionOf(series)
  if (family.buckets === null) return []
  const classic = classicBuckets(family.buckets, schema)
  const cumulative = cumulate(classic, counts)
  const bucket = (le: string | number, value: number): PromValue => ({
    metricName: `${name}_bucket`,
    labels: { le, ...labels },
    value,
  })
  return [
    ...classic.bounds.map((bound, k) => bucket(bound, cumulative[k] as number)),
    bucket('+Inf', count),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}

function valuesOf(family: Family): PromValue[] {
  return [...family.shown()].flatMap(({ series, labels: values }) => {
    const labels = Object.fromEntries(family.spec.labels.map(({ name }, k) => [name, values[k] as string]))
    return family.buckets === null
      ? [{ labels, value: family.valueOf(series) }]
      : histogramValues(family, series, labels)
  })
}

/** Adds every metric to the registry, to be read whenever it is asked for its text. */
export function registerInPromClient(metrics: Internals, registry: PromRegistry): void {
  for (const family of familiesOf(metrics)) {
    const { name, help, kind: type } = family.spec
    const common = { name, help, type, aggregator: 'sum' }
    const collector = {
      ...common,
      // For OpenMetrics the registry takes `_total` off the name, and puts it on again.
      get: (): Promise<PromObject> =>
        Promise.resolve({ ...common, name: collector.name, values: valuesOf(family) }),
      // What the registry resets are its own metrics: these belong to other threads, too.
      reset: (): void => undefined,
    }
    registry.registerMetric(collector as never)
  }
}
