/**
 * A `MetricProducer` of OpenTelemetry: hands the metrics to a reader as they are, histograms included, past the instruments
 * and the limits of OpenTelemetry's SDK. This module does not load OpenTelemetry's packages: the numbers and texts below are
 * those of `@opentelemetry/sdk-metrics` 2, and of `@opentelemetry/api`.
 *
 * @module
 */
import { checkChoice, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { ExponentialBuckets } from './buckets.js'
import type { Internals } from './internals.js'
import { familiesOf } from './families.js'
import { type Distribution, type Family, classicBuckets, cumulate } from './read.js'

/** Whether points count from the beginning, or from the collection before. */
export type Temporality = 'cumulative' | 'delta'

/** The options of a producer. */
export interface OpenTelemetryProducerOptions {
  /**
   * `cumulative` (the default): points count since the metrics were made. `delta`: counters and histograms count since this
   * producer's last collection; such a producer must serve one reader only. A reader does not tell its producers which one
   * its exporter wants: set the same here.
   */
  readonly temporality?: Temporality
  /**
   * How histograms with exponential buckets are handed over: as `exponential` histograms (the default), which OTLP has; or
   * as `explicit` ones, with bounds that are powers of two, for exporters that have no others, such as OpenTelemetry's
   * Prometheus exporter.
   */
  readonly exponential?: 'exponential' | 'explicit'
  /** The name of the instrumentation scope; by default `rseq`. */
  readonly scope?: string
  /** The version of the instrumentation scope; by default it has none. */
  readonly version?: string
}

/** Seconds since 1970, and nanoseconds. */
type HrTime = [seconds: number, nanoseconds: number]

/** OpenTelemetry's `DataPointType`. */
const PointType = { histogram: 0, exponentialHistogram: 1, gauge: 2, sum: 3 } as const
/** OpenTelemetry's `AggregationTemporality`. */
const TEMPORALITIES = { delta: 0, cumulative: 1 } as const
/** OpenTelemetry's `ValueType`. */
const ValueType = { int: 0, double: 1 } as const

/** A value of a point: a number, or a histogram. */
type PointValue = number | object

interface Point {
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly attributes: Readonly<Record<string, string>>
  readonly value: PointValue
}

/** A metric with its points. The members are those of OpenTelemetry's `MetricData`. */
interface MetricData {
  readonly descriptor: {
    readonly name: string
    readonly description: string
    readonly unit: string
    readonly valueType: number
    readonly type: string
    readonly advice: object
  }
  readonly aggregationTemporality: number
  readonly dataPointType: number
  readonly isMonotonic?: boolean
  readonly dataPoints: Point[]
}

/** What {@link OpenTelemetryProducer.collect} resolves to. It has the form of OpenTelemetry's `CollectionResult`. */
export interface OpenTelemetryCollection {
  /** The metrics, in one scope. A reader uses the resource of its own `MeterProvider`. */
  readonly resourceMetrics: {
    /** A resource without attributes. */
    readonly resource: never
    /** One scope with all metrics: OpenTelemetry's `ScopeMetrics`. */
    readonly scopeMetrics: never[]
  }
  /** Always empty: nothing of another library runs at a collection. */
  readonly errors: unknown[]
}

function timeOf(milliseconds: number): HrTime {
  const whole = Math.floor(milliseconds)
  return [Math.floor(whole / 1000), (whole % 1000) * 1e6]
}

/** Counts of a series at the last collection of a producer of deltas. */
interface Seen {
  readonly sum: number
  readonly counts: readonly number[]
}

const NOTHING: Seen = { sum: 0, counts: [] }

/** Returns what was added since `seen`. A counter, or a count, that something overwrote starts anew. */
function since(now: Distribution, seen: Seen): Distribution {
  const counts = now.counts.map((count, k) => count - (seen.counts[k] ?? 0))
  const isLess = counts.length === 0 ? now.sum < seen.sum : counts.some((count) => count < 0)
  if (isLess) return now
  return { counts, count: counts.reduce((a, b) => a + b, 0), sum: now.sum - seen.sum }
}

function explicitHistogram({ buckets, spec }: Family, { count, sum, counts }: Distribution): object {
  if (buckets === null) return {}
  const classic = classicBuckets(buckets, spec.buckets)
  const cumulative = [...cumulate(classic, counts), count]
  return {
    count,
    sum,
    buckets: {
      boundaries: [...classic.bounds],
      counts: cumulative.map((n, k) => n - (k === 0 ? 0 : (cumulative[k - 1] as number))),
    },
  }
}

/**
 * Returns an exponential histogram. Its bucket `i` has the upper bound 2 ** ((i + 1) / 2 ** scale), so the bucket with bound
 * number `n` has the index `n - 1`. Values above all bounds are in one more bucket, the next.
 */
function exponentialHistogram(buckets: ExponentialBuckets, { count, sum, counts }: Distribution): object {
  let first = 1
  while (first < counts.length && counts[first] === 0) first++
  let end = counts.length
  while (end > first && counts[end - 1] === 0) end--
  return {
    count,
    sum,
    scale: buckets.schema,
    zeroCount: counts[0],
    positive: {
      offset: first === end ? 0 : buckets.first + first - 1,
      bucketCounts: counts.slice(first, end),
    },
    negative: { offset: 0, bucketCounts: [] },
  }
}

/** Hands metrics to a reader of OpenTelemetry: pass it in the reader's option `metricProducers`. */
export class OpenTelemetryProducer {
  readonly #metrics: Internals
  readonly #temporality: Temporality
  readonly #isExplicit: boolean
  readonly #scope: { readonly name: string; readonly version?: string }
  /** For each family, the counts of each series at the last collection. Empty if points are cumulative. */
  readonly #seen = new Map<number, Map<number, Seen>>()
  #last: number

  /** @internal */
  constructor(metrics: Internals, options: OpenTelemetryProducerOptions = {}) {
    const given = checkOptions('options', options, ['temporality', 'exponential', 'scope', 'version'])
    const { scope = 'rseq', version } = given
    if (typeof (scope as unknown) !== 'string') throw typeError('scope', 'a string', scope)
    if (version !== undefined && typeof (version as unknown) !== 'string') {
      throw typeError('version', 'a string', version)
    }
    this.#metrics = metrics
    this.#temporality = checkChoice('temporality', given.temporality ?? 'cumulative', [
      'cumulative',
      'delta',
    ] as const)
    this.#isExplicit =
      checkChoice('exponential', given.exponential ?? 'exponential', ['exponential', 'explicit'] as const) ===
      'explicit'
    this.#scope = version === undefined ? { name: scope } : { name: scope, version }
    this.#last = metrics.store.created
  }

  /**
   * Collects all metrics of all threads. Its result has as many points as there are series: no limit of OpenTelemetry's
   * applies. O(series).
   *
   * @throws (rejects with) an Error if the metrics were disposed of.
   */
  collect(): Promise<OpenTelemetryCollection> {
    // Made in a callback, so that an error rejects.
    return Promise.resolve().then(() => {
      const now = Math.max(Date.now(), this.#last)
      const start = timeOf(this.#last)
      const end = timeOf(now)
      const metrics = familiesOf(this.#metrics).map((family, k) => this.#dataOf(family, k, start, end))
      if (this.#temporality === 'delta') this.#last = now
      return {
        resourceMetrics: {
          resource: NO_RESOURCE as never,
          scopeMetrics: [{ scope: this.#scope, metrics } as never],
        },
        errors: [],
      }
    })
  }

  #dataOf(family: Family, k: number, startTime: HrTime, endTime: HrTime): MetricData {
    const { name, help, unit, kind, type, labels: specs } = family.spec
    const points: Point[] = []
    for (const { series, labels } of family.shown()) {
      const attributes = Object.fromEntries(specs.map((label, i) => [label.name, labels[i] as string]))
      points.push({ startTime, endTime, attributes, value: this.#valueOf(family, k, series) })
    }
    const isExponential = family.buckets instanceof ExponentialBuckets && !this.#isExplicit
    const histogram = isExponential ? PointType.exponentialHistogram : PointType.histogram
    return {
      descriptor: {
        name,
        description: help,
        unit,
        valueType: type === 'i64' && kind !== 'histogram' ? ValueType.int : ValueType.double,
        type: kind.toUpperCase(),
        advice: {},
      },
      aggregationTemporality: TEMPORALITIES[this.#temporality],
      ...{
        counter: { dataPointType: PointType.sum, isMonotonic: true },
        gauge: { dataPointType: PointType.gauge },
        histogram: { dataPointType: histogram },
      }[kind],
      dataPoints: points,
    }
  }

  #valueOf(family: Family, k: number, series: number): PointValue {
    const { buckets, spec } = family
    if (spec.kind === 'gauge') return family.valueOf(series)
    if (buckets === null) {
      return this.#since(k, series, { count: 0, sum: family.valueOf(series), counts: [] }).sum
    }
    const counted = this.#since(k, series, family.distributionOf(series))
    return buckets instanceof ExponentialBuckets && !this.#isExplicit
      ? exponentialHistogram(buckets, counted)
      : explicitHistogram(family, counted)
  }

  #since(k: number, series: number, now: Distribution): Distribution {
    if (this.#temporality === 'cumulative') return now
    const seen = this.#seen.get(k) ?? new Map<number, Seen>()
    this.#seen.set(k, seen)
    const before = seen.get(series) ?? NOTHING
    seen.set(series, now)
    return since(now, before)
  }
}

/** A resource without attributes. Readers use that of their own `MeterProvider`. */
const NO_RESOURCE = {
  attributes: {},
  merge: (other: unknown): unknown => other ?? NO_RESOURCE,
  getRawAttributes: (): never[] => [],
}
