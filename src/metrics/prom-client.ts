/**
 * Registers the metrics as collectors of a prom-client registry. This module does not load prom-client: it accepts any
 * object with the methods of a registry.
 *
 * @module
 */
import { typeError } from '../core/errors.js'
import type { Internals } from './internals.js'
import { escapeName } from './names.js'
import { familiesOf } from './families.js'
import { type Family, classicBuckets, cumulate } from './read.js'

/** A sample that prom-client's registry prints. */
interface PromValue {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  /** The name of the sample, if it differs from the name of the metric. */
  readonly metricName?: string
}

/** A metric in the form that prom-client's registry requests. */
interface PromObject {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly values: readonly PromValue[]
}

/** The part of prom-client's `Registry` that this library uses. */
export interface PromRegistry {
  /** Adds a metric to the registry; throws if it has a metric with that name. */
  registerMetric(metric: never): void
  /** Removes the metric with this name. */
  removeSingleMetric(name: string): void
}

/** prom-client has no names of UTF-8. */
function promName({ spec }: Family): string {
  return escapeName(spec.name, 'metric', 'underscores')
}

function histogramValues(family: Family, series: number, labels: PromValue['labels']): PromValue[] {
  const { buckets: schema } = family.spec
  const name = promName(family)
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
    const labels = Object.fromEntries(
      family.spec.labels.map(({ name }, k) => [
        escapeName(name, 'label', 'underscores'),
        values[k] as string,
      ]),
    )
    return family.buckets === null
      ? [{ labels, value: family.valueOf(series) }]
      : histogramValues(family, series, labels)
  })
}

/** Makes the collector of a family. The registry keeps it, and requests the values from it. */
function collectorOf(family: Family): PromObject & { get: () => Promise<PromObject>; reset: () => void } {
  const { help, kind: type } = family.spec
  const common = { name: promName(family), help, type, aggregator: 'sum', values: [] }
  const collector = {
    ...common,
    // For OpenMetrics the registry removes `_total` from the collector's name and later restores it.
    get: (): Promise<PromObject> =>
      Promise.resolve({ ...common, name: collector.name, values: valuesOf(family) }),
    // The registry's `resetMetrics()` does not reset these metrics, because they belong to other threads too.
    reset: (): void => undefined,
  }
  return collector
}

/** From JavaScript, `registry` may be anything. */
function checkRegistry(registry: unknown): void {
  const { registerMetric, removeSingleMetric } = (registry ?? {}) as Readonly<Record<string, unknown>>
  if (typeof registerMetric === 'function' && typeof removeSingleMetric === 'function') return
  throw typeError('registry', "prom-client's Registry, such as its register", registry)
}

/**
 * Adds all metrics to a registry, which reads them each time it makes its text. If the registry refuses one, removes those
 * that were added.
 *
 * @throws TypeError if `registry` is no registry; the registry's Error if it already has a metric with one of the names.
 */
export function registerInPromClient(metrics: Internals, registry: PromRegistry): void {
  checkRegistry(registry)
  const added: string[] = []
  try {
    for (const family of familiesOf(metrics)) {
      registry.registerMetric(collectorOf(family) as never)
      added.push(promName(family))
    }
  } catch (error) {
    for (const name of added) registry.removeSingleMetric(name)
    throw error
  }
}
