import { MetricsBatch } from './batch.js'
import { type Buckets, makeBuckets } from './buckets.js'
import { checkSchema } from './check-schema.js'
import { checkChoice } from '../errors.js'
import { type ExpositionFormat, type MetricsHandler, expose, handlerOf } from './exposition.js'
import { type OpenTelemetryMeterProvider, registerInOpenTelemetry } from './opentelemetry.js'
import { type PromRegistry, registerInPromClient } from './prom-client.js'
import { type TextFormat, textPieces } from './text.js'
import { Counter, Gauge, Histogram, type Instrument } from './instruments.js'
import { LabelTable } from './label-table.js'
import { Labelled } from './labelled.js'
import type { Internals, OpenMetric } from './internals.js'
import { type MetricPlan, type Plan, planFor } from './layout.js'
import type { LabelsOf, LabelsOption, MetricsSchema } from './schema.js'
import { type Store, createStore, openStore } from './store.js'

const TEXT_FORMATS = ['prometheus', 'openmetrics'] as const
const FORMATS = [...TEXT_FORMATS, 'protobuf'] as const

/** What a metric declared so is: with labels, or something to count with. */
type Declared<Options, Kind> = Options extends { labels: LabelsOption }
  ? Labelled<LabelsOf<Options>, Kind>
  : Kind

type Group<Options, Kind> = { readonly [Key in keyof Options]: Declared<Options[Key], Kind> }

/** The metrics of a schema, open in this thread: one property for each, and the methods of {@link MetricsCore}. */
export type Metrics<Schema extends MetricsSchema> = MetricsCore &
  Group<NonNullable<Schema['counters']>, Counter> &
  Group<NonNullable<Schema['gauges']>, Gauge> &
  Group<NonNullable<Schema['histograms']>, Histogram>

/** What the metrics of every schema have. */
export class MetricsCore {
  /** What to give to another thread, for {@link MetricsDefinition.open}. */
  readonly buffer: SharedArrayBuffer

  readonly #internals: Internals

  /** @internal */
  constructor(internals: Internals) {
    this.buffer = internals.store.buffer
    this.#internals = internals
  }

  /**
   * What answers HTTP requests with the metrics of all threads: a listener for `node:http`, a handler for express
   * and fastify. In Prometheus's text format, as OpenMetrics or in its protobuf format, as the client asks.
   * Made and sent in pieces, between which the event loop goes on.
   */
  handler(): MetricsHandler {
    return handlerOf(this.#internals)
  }

  /**
   * Adds the metrics to a registry of prom-client, beside its own: its `metrics()` then prints them, too.
   *
   * @param registry - a `Registry`, such as `register`.
   */
  registerInPromClient(registry: PromRegistry): void {
    registerInPromClient(this.#internals, registry)
  }

  /**
   * Adds the metrics to an OpenTelemetry `MeterProvider` as observable instruments: its readers then export
   * them, too. A histogram becomes the instruments `NAME.bucket`, `NAME.count` and `NAME.sum`.
   *
   * @param meterName - of the meter that has the instruments.
   */
  registerInOpenTelemetry(provider: OpenTelemetryMeterProvider, meterName = 'rseq'): void {
    registerInOpenTelemetry(this.#internals, provider, meterName)
  }

  /**
   * What {@link handler} sends, in pieces: each is made when it is asked for.
   *
   * @throws TypeError, RangeError if there is no such format.
   */
  expose(format: ExpositionFormat = 'prometheus'): AsyncGenerator<string | Buffer, void, undefined> {
    return expose(this.#internals, checkChoice('format', format, FORMATS))
  }

  /**
   * The text at once: O(series). For tests and small services.
   *
   * @throws TypeError, RangeError if there is no such format.
   */
  text(format: TextFormat = 'prometheus'): string {
    return [...textPieces(this.#internals, checkChoice('format', format, TEXT_FORMATS))].join('')
  }

  /**
   * Several updates that belong together, to be made in one crossing into native code.
   *
   * @param instruments - one to eight counters, gauges and histograms of these metrics; of those with labels,
   * series.
   * @throws TypeError, RangeError if one of them is something else.
   */
  batch(...instruments: Instrument[]): MetricsBatch {
    return new MetricsBatch(this.#internals.store, instruments)
  }
}

/** What counts in a series of a metric. */
function makeInstrument(
  { plan, buckets }: OpenMetric,
  { wholes, doubles }: Store,
  series: number,
): Instrument {
  const whole = plan.wholeBase + series * plan.wholeStride
  const double = plan.doubleBase + series * plan.doubleStride
  if (buckets !== null)
    return new Histogram({ buckets, counts: wholes, base: whole, sums: doubles, sum: double })
  const Kind = plan.spec.kind === 'counter' ? Counter : Gauge
  return new Kind(
    plan.spec.type === 'i64' ? { counters: wholes, i: whole } : { counters: doubles, i: double },
  )
}

function openMetric(plan: MetricPlan, buckets: Buckets | null, store: Store): OpenMetric {
  const { series, labels } = plan.spec
  const { buffer, arena, seed } = store
  const table = labels.length === 0 ? null : new LabelTable(buffer, plan.table, series, arena, seed)
  return { plan, buckets, table }
}

/** The metrics as their users see them. */
function metricsOf<Schema extends MetricsSchema>(internals: Internals): Metrics<Schema> {
  const metrics = new MetricsCore(internals)
  for (const metric of internals.metrics) {
    const { key, labels } = metric.plan.spec
    const make = (series: number): Instrument => makeInstrument(metric, internals.store, series)
    const value = metric.table === null ? make(0) : new Labelled(labels, metric.table, make)
    Object.defineProperty(metrics, key, { value, enumerable: true })
  }
  return metrics as Metrics<Schema>
}

const RESERVED = new Set([
  ...['buffer', 'constructor', '__proto__', 'then', 'toJSON'],
  ...Object.getOwnPropertyNames(MetricsCore.prototype),
])

/** A schema, checked. The same in every thread that shares the metrics. */
export class MetricsDefinition<Schema extends MetricsSchema> {
  readonly #plan: Plan
  readonly #buckets: readonly (Buckets | null)[]

  /** @throws TypeError, RangeError that name the metric and the option that is wrong. */
  constructor(schema: Schema) {
    const specs = checkSchema(schema, RESERVED)
    this.#buckets = specs.map(({ buckets }) => (buckets === null ? null : makeBuckets(buckets)))
    this.#plan = planFor(
      specs,
      this.#buckets.map((buckets) => (buckets === null ? 0 : buckets.bounds.length + 1)),
    )
  }

  /** New metrics, all at 0. Series of labels whose values are all known begin at once. */
  create(): Metrics<Schema> {
    const store = openStore(createStore(this.#plan), this.#plan)
    const internals = this.#internalsOf(store)
    for (const { plan, table } of internals.metrics) {
      if (table !== null && plan.spec.labels.every(({ known }) => known !== null)) {
        for (const values of product(plan.spec.labels.map(({ known }) => known ?? []))) table.find(values)
      }
    }
    return metricsOf(internals)
  }

  /**
   * Opens the metrics that another thread made.
   *
   * @param buffer - their {@link MetricsCore.buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it was made with another schema, naming the metric that differs, or is damaged.
   */
  open(buffer: SharedArrayBuffer): Metrics<Schema> {
    return metricsOf(this.#internalsOf(openStore(buffer, this.#plan)))
  }

  #internalsOf(store: Store): Internals {
    return {
      store,
      metrics: this.#plan.metrics.map((plan, k) => openMetric(plan, this.#buckets[k] ?? null, store)),
    }
  }
}

/** All rows with one of each list, in order. */
function product(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (rows, list) => rows.flatMap((row) => list.map((one) => [...row, one])),
    [[]],
  )
}

/**
 * Declares the metrics of a service. In a module that all its threads import:
 *
 * @example
 * ```ts
 * export const service = defineMetrics({
 *   counters: {
 *     requests: { name: 'http_requests_total', help: 'Requests.', labels: { method: ['GET', 'POST'], status: 'any' } },
 *   },
 *   histograms: { duration: { name: 'http_request_duration_seconds', help: 'Time to answer.' } },
 * })
 * // in the main thread
 * const metrics = service.create()
 * // in a worker, with metrics.buffer
 * const metrics = service.open(buffer)
 * metrics.requests.labels({ method: 'GET', status: 200 }).inc()
 * ```
 *
 * @throws TypeError, RangeError that name the metric and the option that is wrong.
 */
export function defineMetrics<const Schema extends MetricsSchema>(schema: Schema): MetricsDefinition<Schema> {
  return new MetricsDefinition(schema)
}
