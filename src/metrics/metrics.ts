import { dispose } from '../runtime/disposal.js'
import { MetricsBatch } from './batch.js'
import { checkSchema } from './check-schema.js'
import { type Inspection, describe, inspected } from '../core/describe.js'
import { checkChoice } from '../core/errors.js'
import { type MetricsHandler, expose, handlerOf } from './exposition.js'
import { ESCAPINGS, type NameEscaping } from './names.js'
import type { ExpositionFormat } from './negotiation.js'
import { type OpenTelemetryMeterProvider, registerInOpenTelemetry } from './opentelemetry.js'
import { OpenTelemetryProducer, type OpenTelemetryProducerOptions } from './opentelemetry-producer.js'
import { type PromRegistry, registerInPromClient } from './prom-client.js'
import { familiesOf, seriesOf } from './families.js'
import type { ShownSeries } from './read.js'
import { type TextFormat, textPieces } from './text.js'
import { Counter, Gauge, Histogram, type Instrument } from './instruments.js'
import { Labelled } from './labelled.js'
import { type Internals, type OpenMetric, alone } from './internals.js'
import type { Plan } from './layout.js'
import { layoutsOf, type Layouts } from './layouts.js'
import type { LabelsOf, LabelsOption, MetricsSchema } from './schema.js'
import { ProcessGauge, makeProcessGauge } from './process-gauge.js'
import { openInternals, processesIn, threadsMembers } from './service-memory.js'
import { type Store, createStore, openStore } from './store.js'
import { type SharedDirectory, type SharedMetricsOptions, openInService } from '../shared/shared-directory.js'

const TEXT_FORMATS = ['prometheus', 'openmetrics'] as const
const FORMATS = [...TEXT_FORMATS, 'protobuf'] as const

/** The type of the property of a metric: `Labelled` if the metric has labels, otherwise its instrument. */
type Declared<Options, Kind> = Options extends { labels: LabelsOption }
  ? Labelled<LabelsOf<Options>, Kind>
  : Kind

type Group<Options, Kind> = { readonly [Key in keyof Options]: Declared<Options[Key], Kind> }

/** The metrics of a schema, open in this thread: one property for each metric, and the methods of {@link MetricsCore}. */
export type Metrics<Schema extends MetricsSchema> = MetricsCore &
  Group<NonNullable<Schema['counters']>, Counter> &
  Group<NonNullable<Schema['gauges']>, Gauge> &
  Group<NonNullable<Schema['histograms']>, Histogram>

/** The members that the metrics of every schema have. */
export class MetricsCore {
  /** The memory of the metrics. Send it to another thread, which opens it by {@link MetricsDefinition.open}. */
  readonly buffer: SharedArrayBuffer

  readonly #internals: Internals

  /** @internal */
  constructor(internals: Internals) {
    this.buffer = internals.store.buffer
    this.#internals = internals
  }

  /**
   * Closes the memory of these metrics in this thread at once, instead of when the object is garbage-collected. The buffer
   * and the metrics of other threads are not affected. Every later operation of these metrics and their instruments throws
   * an Error. The second call does nothing.
   */
  [Symbol.dispose](): void {
    dispose(this.#internals.store)
  }

  /**
   * Returns a function that answers HTTP requests with the metrics of all threads: a listener for `node:http`, and a handler
   * for express and fastify. The client's `Accept` header chooses Prometheus's text format, OpenMetrics or Prometheus's
   * protobuf format. The answer is made and sent in pieces, and the event loop runs other tasks between two pieces.
   */
  handler(): MetricsHandler {
    return handlerOf(() => familiesOf(this.#internals))
  }

  /**
   * Adds the metrics to a registry of prom-client, whose `metrics()` then prints them together with its own. If the registry
   * refuses one of the metrics, the call removes those that it has added.
   *
   * @param registry - a `Registry` of prom-client, such as its `register`.
   * @throws TypeError if `registry` is no registry; the registry's Error if it already has a metric with one of the names.
   */
  registerInPromClient(registry: PromRegistry): void {
    registerInPromClient(this.#internals, registry)
  }

  /**
   * Makes a `MetricProducer` for a reader of OpenTelemetry, which then exports these metrics beside those of its
   * `MeterProvider`: `new PeriodicExportingMetricReader({ exporter, metricProducers: [metrics.openTelemetryProducer()] })`.
   * Histograms stay histograms, and no limit of OpenTelemetry's SDK applies to the number of series. Counters and
   * histograms start when the metrics were made.
   *
   * @throws TypeError, RangeError if an option is unknown, or has a value that it does not accept.
   */
  openTelemetryProducer(options?: OpenTelemetryProducerOptions): OpenTelemetryProducer {
    return new OpenTelemetryProducer(this.#internals, options)
  }

  /**
   * Adds the metrics to an OpenTelemetry `MeterProvider` as observable instruments, which its readers then export. A histogram
   * becomes the instruments `NAME.bucket`, `NAME.count` and `NAME.sum`, as OpenTelemetry has no observable histogram; and
   * OpenTelemetry's limit of 2,000 series for each instrument applies. {@link openTelemetryProducer} has neither limit.
   *
   * @param provider - a `MeterProvider` of OpenTelemetry.
   * @param meterName - the name of the meter to which the instruments are added.
   * @throws TypeError if `provider` is no provider, or `meterName` is no string.
   */
  registerInOpenTelemetry(provider: OpenTelemetryMeterProvider, meterName = 'rseq'): void {
    registerInOpenTelemetry(this.#internals, provider, meterName)
  }

  /**
   * Yields the content that {@link handler} sends, in pieces, some of which may be empty. Each piece is made when it is
   * requested.
   *
   * @param escaping - how names that are more than letters, digits and `_` are shown.
   * @throws TypeError, RangeError if `format` or `escaping` is none of those that there are.
   */
  expose(
    format: ExpositionFormat = 'prometheus',
    escaping: NameEscaping = 'underscores',
  ): AsyncGenerator<string | Buffer, void, undefined> {
    return expose(
      familiesOf(this.#internals),
      checkChoice('format', format, FORMATS),
      checkChoice('escaping', escaping, ESCAPINGS),
    )
  }

  /**
   * Returns the whole text at once, for tests and small services. O(room for series).
   *
   * @param escaping - how names that are more than letters, digits and `_` are shown.
   * @throws TypeError, RangeError if `format` is not one of the text formats, or `escaping` none of those that there are.
   */
  text(format: TextFormat = 'prometheus', escaping: NameEscaping = 'underscores'): string {
    const pieces = textPieces(
      familiesOf(this.#internals),
      checkChoice('format', format, TEXT_FORMATS),
      checkChoice('escaping', escaping, ESCAPINGS),
    )
    return [...pieces].join('')
  }

  /**
   * Makes a batch, which updates several instruments by one call of native code.
   *
   * @param instruments - one to eight counters, gauges and histograms of these metrics. For a metric with labels, pass a
   *   series that its `labels()` has returned.
   * @throws TypeError if an argument is no instrument; RangeError if there are none or more than eight, or if an instrument
   *   belongs to other metrics.
   */
  batch(...instruments: Instrument[]): MetricsBatch {
    return new MetricsBatch(this.#internals.store, instruments)
  }

  /** Returns an object with all metrics by their keys. */
  toJSON(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this).filter(([key]) => key !== 'buffer'))
  }

  /** Returns the result of {@link text} in Prometheus's text format. */
  toString(): string {
    return this.text()
  }

  /** @internal */
  [inspected](depth: number, options: Inspection): string {
    return describe('Metrics', () => this.toJSON(), depth, options)
  }
}

/** Makes the instrument of a series. */
function makeInstrument(metric: OpenMetric, store: Store, series: number): Instrument {
  const { plan, buckets } = metric
  const { wholes, doubles, members } = store
  if (members !== null && plan.spec.kind === 'gauge') return makeProcessGauge(metric, store, members, series)
  const whole = plan.wholeBase + series * plan.wholeStride
  const double = plan.doubleBase + series * plan.doubleStride
  if (buckets !== null)
    return new Histogram({ buckets, counts: wholes, base: whole, sums: doubles, sum: double })
  const Kind = plan.spec.kind === 'counter' ? Counter : Gauge
  return new Kind(
    plan.spec.type === 'i64' ? { counters: wholes, i: whole } : { counters: doubles, i: double },
  )
}

/** Makes the object that users see: it has a property for each metric. */
function metricsOf<Schema extends MetricsSchema>(internals: Internals): Metrics<Schema> {
  const metrics = new MetricsCore(internals)
  for (const metric of internals.metrics) {
    const { key, labels: specs } = metric.plan.spec
    const { table } = metric
    const { store } = internals
    const make = (series: number): Instrument => makeInstrument(metric, store, series)
    const list = (): Iterable<ShownSeries> => seriesOf(metric, store).shown()
    const value = table === null ? make(0) : new Labelled({ key, specs, table, make, list })
    if (value instanceof ProcessGauge && !metric.plan.spec.absentAtZero) value.show()
    Object.defineProperty(metrics, key, { value, enumerable: true })
  }
  return metrics as Metrics<Schema>
}

const RESERVED = new Set([
  ...['buffer', 'constructor', '__proto__', 'then', 'toJSON'],
  ...Object.getOwnPropertyNames(MetricsCore.prototype),
])

/** A checked schema. All threads that share metrics must define them by equal schemas. */
export class MetricsDefinition<Schema extends MetricsSchema> {
  readonly #layouts: Layouts
  readonly #plan: Plan

  /** Checks the schema. @throws TypeError, RangeError that name the metric and the wrong option. */
  constructor(schema: Schema) {
    this.#layouts = layoutsOf(checkSchema(schema, RESERVED))
    this.#plan = this.#layouts.planFor(0)
  }

  /** Returns one line for each metric, with its kind, name and labels. */
  toString(): string {
    return this.toJSON().metrics.join('\n')
  }

  /** Returns the kind, name and labels of each metric. */
  toJSON(): {
    /** A text for each metric, such as `counter http_requests_total{method,status}`. */
    metrics: string[]
  } {
    const metrics = this.#plan.metrics.map(({ spec: { kind, name, labels } }) => {
      const names = labels.map((label) => label.name).join(',')
      return `${kind} ${name}${names === '' ? '' : `{${names}}`}`
    })
    return { metrics }
  }

  /** @internal */
  [inspected](depth: number, options: Inspection): string {
    return describe('MetricsDefinition', () => this.toJSON(), depth, options)
  }

  /** Makes new metrics, which are all 0. If all label values of a metric are known, all its series exist from the start. */
  create(): Metrics<Schema> {
    const store = openStore(createStore(this.#plan), this.#plan)
    const internals = alone(this.#layouts.open(store, this.#plan))
    makeKnownSeries(internals)
    return metricsOf(internals)
  }

  /**
   * Opens the metrics that another thread of this process made, or opened in memory that processes share.
   *
   * @param buffer - their {@link MetricsCore.buffer}, as received by `workerData` or a message.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` was made with another schema (the message names the metric that differs) or is damaged.
   */
  open(buffer: SharedArrayBuffer): Metrics<Schema> {
    const processes = processesIn(buffer)
    const plan = this.#layouts.planFor(processes)
    const members = processes === 0 ? undefined : threadsMembers(plan)
    return metricsOf(alone(this.#layouts.open(openStore(buffer, plan, members), plan)))
  }

  /** @internal */
  [openInService](service: SharedDirectory, name: string, options: SharedMetricsOptions): Metrics<Schema> {
    const internals = openInternals(this.#layouts, { service, name, options })
    makeKnownSeries(internals)
    return metricsOf(internals)
  }
}

/** Makes the series of metrics of which the values of all labels are known. */
function makeKnownSeries({ metrics }: Internals): void {
  for (const { plan, table } of metrics) {
    if (table !== null && plan.spec.labels.every(({ known }) => known !== null)) {
      for (const values of product(plan.spec.labels.map(({ known }) => known ?? []))) table.find(values)
    }
  }
}

/** Returns all rows that have one element of each list, in the order of the lists. */
function product(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (rows, list) => rows.flatMap((row) => list.map((one) => [...row, one])),
    [[]],
  )
}

/**
 * Declares the metrics of a service. Call it in a module that all threads of the service import.
 *
 * @example
 * ```ts
 * export const service = defineMetrics({
 *   counters: {
 *     requests: { name: 'http_requests_total', help: 'Requests.', labels: { method: ['GET', 'POST'], status: 'any' } },
 *   },
 *   histograms: { duration: { name: 'http_request_duration_seconds', help: 'Time to answer.' } },
 * })
 * // In the main thread:
 * const metrics = service.create()
 * // In a worker that has received metrics.buffer:
 * const metrics = service.open(buffer)
 * metrics.requests.labels({ method: 'GET', status: 200 }).inc()
 * ```
 *
 * @throws TypeError, RangeError that name the metric and the wrong option.
 */
export function defineMetrics<const Schema extends MetricsSchema>(schema: Schema): MetricsDefinition<Schema> {
  return new MetricsDefinition(schema)
}
