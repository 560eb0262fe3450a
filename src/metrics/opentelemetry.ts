/**
 * The metrics as observable instruments of OpenTelemetry. Nothing here loads its packages: a provider is
 * whatever has its methods.
 *
 * OpenTelemetry has no observable histogram. A histogram is three instruments: counters of observations by
 * bound (`NAME.bucket`, cumulative, with the bound as attribute `le`) and of all (`NAME.count`), and an
 * up-down counter of the sum (`NAME.sum`).
 *
 * @module
 */
import type { Internals } from './internals.js'
import { type Family, classicBuckets, cumulate, familiesOf } from './read.js'

type Attributes = Record<string, string>

interface ObservableResult {
  observe(value: number, attributes?: Attributes): void
}

interface Observable {
  addCallback(callback: (result: ObservableResult) => void): void
}

interface InstrumentOptions {
  description?: string
}

interface Meter {
  createObservableCounter(name: string, options?: InstrumentOptions): Observable
  createObservableUpDownCounter(name: string, options?: InstrumentOptions): Observable
  createObservableGauge(name: string, options?: InstrumentOptions): Observable
}

/** OpenTelemetry's `MeterProvider`, as far as it matters here. */
export interface OpenTelemetryMeterProvider {
  getMeter(name: string): Meter
}

/** Observes a number of every series that there is. */
function observe(
  observable: Observable,
  family: Family,
  report: (result: ObservableResult, series: number, attributes: Attributes) => void,
): void {
  const names = family.spec.labels.map(({ name }) => name)
  observable.addCallback((result) => {
    for (const { series, labels } of family.shown()) {
      report(result, series, Object.fromEntries(names.map((name, k) => [name, labels[k] as string])))
    }
  })
}

function addHistogram(meter: Meter, family: Family): void {
  const { spec, buckets } = family
  if (buckets === null) return
  const classic = classicBuckets(buckets, spec.buckets)
  const make = (part: string): Observable =>
    meter.createObservableCounter(`${spec.name}.${part}`, { description: spec.help })
  observe(make('bucket'), family, (result, series, attributes) => {
    const { count, counts } = family.distributionOf(series)
    const cumulative = cumulate(classic, counts)
    for (const [k, bound] of classic.bounds.entries()) {
      result.observe(cumulative[k] as number, { ...attributes, le: String(bound) })
    }
    result.observe(count, { ...attributes, le: '+Inf' })
  })
  observe(make('count'), family, (result, series, attributes) => {
    result.observe(family.distributionOf(series).count, attributes)
  })
  // A sum may fall where values below 0 are observed.
  const sum = meter.createObservableUpDownCounter(`${spec.name}.sum`, { description: spec.help })
  observe(sum, family, (result, series, attributes) => {
    result.observe(family.distributionOf(series).sum, attributes)
  })
}

/** Adds every metric to the provider's meter of that name, to be read at each collection. */
export function registerInOpenTelemetry(
  metrics: Internals,
  provider: OpenTelemetryMeterProvider,
  meterName: string,
): void {
  const meter = provider.getMeter(meterName)
  for (const family of familiesOf(metrics)) {
    const { name, help: description, kind } = family.spec
    if (kind === 'histogram') {
      addHistogram(meter, family)
      continue
    }
    const observable =
      kind === 'counter'
        ? meter.createObservableCounter(name, { description })
        : meter.createObservableGauge(name, { description })
    observe(observable, family, (result, series, attributes) => {
      result.observe(family.valueOf(series), attributes)
    })
  }
}
