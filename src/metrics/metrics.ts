import { MetricsBatch } from './batch.js'
import { type Buckets, makeBuckets } from './buckets.js'
import { checkSchema } from './check-schema.js'
import { Counter, Gauge, Histogram, type Instrument } from './instruments.js'
import { LabelTable } from './label-table.js'
import { Labelled } from './labelled.js'
import { type MetricPlan, type Plan, planFor } from './layout.js'
import type { LabelsOf, LabelsOption, MetricsSchema } from './schema.js'
import { type Store, createStore, openStore } from './store.js'

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

/** A metric as it is read: what is declared of it, and where it is. */
export interface OpenMetric {
  readonly plan: MetricPlan
  readonly buckets: Buckets | null
  /** Null of a metric without labels. */
  readonly table: LabelTable | null
}

/** What {@link MetricsCore} stands on, for the modules that read it. */
export interface Internals {
  readonly store: Store
  readonly metrics: readonly OpenMetric[]
}

/** Of a class that only this package's modules see into. */
const internals = new WeakMap<MetricsCore, Internals>()

export function internalsOf(metrics: MetricsCore): Internals {
  const found = internals.get(metrics)
  if (found === undefined) throw new TypeError('metrics: expected what create() or open() returned')
  return found
}

/** What the metrics of every schema have. */
export class MetricsCore {
  /** What to give to another thread, for {@link MetricsDefinition.open}. */
  readonly buffer: SharedArrayBuffer

  /** @internal */
  constructor({ store, metrics }: Internals) {
    this.buffer = store.buffer
    internals.set(this, { store, metrics })
  }

  /**
   * Several updates that belong together, to be made in one crossing into native code.
   *
   * @param instruments - one to eight counters, gauges and histograms of these metrics; of those with labels,
   * series.
   * @throws TypeError, RangeError if one of them is something else.
   */
  batch(...instruments: Instrument[]): MetricsBatch {
    return new MetricsBatch(internalsOf(this).store, instruments)
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
    const metrics = this.open(createStore(this.#plan))
    for (const { plan, table } of internalsOf(metrics).metrics) {
      if (table !== null && plan.spec.labels.every(({ known }) => known !== null)) {
        for (const values of product(plan.spec.labels.map(({ known }) => known ?? []))) table.find(values)
      }
    }
    return metrics
  }

  /**
   * Opens the metrics that another thread made.
   *
   * @param buffer - their {@link MetricsCore.buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it was made with another schema, naming the metric that differs, or is damaged.
   */
  open(buffer: SharedArrayBuffer): Metrics<Schema> {
    const store = openStore(buffer, this.#plan)
    const open = this.#plan.metrics.map((plan, k) => openMetric(plan, this.#buckets[k] ?? null, store))
    const metrics = new MetricsCore({ store, metrics: open })
    for (const metric of open) {
      const { key, labels } = metric.plan.spec
      const make = (series: number): Instrument => makeInstrument(metric, store, series)
      const value = metric.table === null ? make(0) : new Labelled(labels, metric.table, make)
      Object.defineProperty(metrics, key, { value, enumerable: true })
    }
    return metrics as Metrics<Schema>
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
