/**
 * Registers the metrics as observable instruments of OpenTelemetry. This module does not load OpenTelemetry's packages: it
 * accepts any object with the method of a provider.
 *
 * OpenTelemetry has no observable histogram, so a histogram becomes three instruments: the counter `NAME.bucket` of the
 * observations up to each bound, which is the attribute `le`; the counter `NAME.count` of all observations; and the
 * up-down counter `NAME.sum`.
 *
 * @module
 */
import { typeError } from '../core/errors.js'
import type { Internals } from './internals.js'
import { familiesOf } from './families.js'
import { type Family, classicBuckets, cumulate } from './read.js'

type Attributes = Record<string, string>

interface ObservableResult {
  observe(value: number, attributes?: Attributes): void
}

interface Observable {
  addCallback(callback: (result: ObservableResult) => void): void
}

interface InstrumentOptions {
  description?: string
  unit?: string
}

interface Meter {
  createObservableCounter(name: string, options?: InstrumentOptions): Observable
  createObservableUpDownCounter(name: string, options?: InstrumentOptions): Observable
  createObservableGauge(name: string, options?: InstrumentOptions): Observable
}

/** The part of OpenTelemetry's `MeterProvider` that this library uses. */
export interface OpenTelemetryMeterProvider {
  /** Returns the meter with this name. */
  getMeter(name: string): Meter
}

/** At each collection, calls `report` for every series of the family that is shown. */
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
    meter.createObservableCounter(`${spec.name}.${part}`, {
      description: spec.help,
    })
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
  // An up-down counter, because an observation below 0 lowers the sum.
  const sum = meter.createObservableUpDownCounter(`${spec.name}.sum`, {
    description: spec.help,
    unit: spec.unit,
  })
  observe(sum, family, (result, series, attributes) => {
    result.observe(family.distributionOf(series).sum, attributes)
  })
}

/** Adds all metrics to the provider's meter `meterName`. OpenTelemetry reads them at each collection. */
export function registerInOpenTelemetry(
  metrics: Internals,
  provider: OpenTelemetryMeterProvider,
  meterName: string,
): void {
  if (typeof (provider as Partial<OpenTelemetryMeterProvider> | null)?.getMeter !== 'function') {
    throw typeError('provider', "OpenTelemetry's MeterProvider", provider)
  }
  if (typeof (meterName as unknown) !== 'string') throw typeError('meterName', 'a string', meterName)
  const meter = provider.getMeter(meterName)
  for (const family of familiesOf(metrics)) {
    const { name, help: description, unit, kind } = family.spec
    if (kind === 'histogram') {
      addHistogram(meter, family)
      continue
    }
    const observable =
      kind === 'counter'
        ? meter.createObservableCounter(name, { description, unit })
        : meter.createObservableGauge(name, { description, unit })
    observe(observable, family, (result, series, attributes) => {
      result.observe(family.valueOf(series), attributes)
    })
  }
}
