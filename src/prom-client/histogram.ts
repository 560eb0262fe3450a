import { format } from 'node:util'
import { type Distribution, LocalDistribution, SharedDistribution } from './cells.js'
import { bucketParts } from './index-of-series.js'
import { type LabelValues, NO_LABELS } from './labels.js'
import { Metric, type MetricConfiguration, type SeriesOf, checkExemplar, startClock } from './metric.js'
import type { Exemplar, MetricObjectWithValues, MetricValue } from './registry.js'

/** The configuration of a {@link Histogram}. */
export interface HistogramConfiguration<T extends string> extends MetricConfiguration<T> {
  /** The upper bounds of the buckets, ascending; by default 0.005 to 10. */
  buckets?: readonly number[]
}

/** What `observe()` takes if the histogram has exemplars. */
export interface ObserveDataWithExemplar<T extends string> {
  /** The observed value. */
  value: number
  /** The labels of the series. */
  labels?: LabelValues<T>
  /** The labels of the exemplar; without them, the bucket's last exemplar stays. */
  exemplarLabels?: Readonly<Record<string, string | number>>
}

/** A series of a histogram. */
export interface HistogramChild<T extends string> {
  /** Counts a value. @throws TypeError if it is no finite number. */
  observe(value: number): void
  /** Starts a timer. The function that it returns observes the seconds since then and returns them. */
  startTimer(): (labels?: LabelValues<T>) => number
}

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const INFINITE = { le: '+Inf' }

/** Returns the number of `count` equal steps from `start`. @throws Error if `count` is below 1. */
export function linearBuckets(start: number, width: number, count: number): number[] {
  if (count < 1) throw new Error('Linear buckets needs a positive count')
  return Array.from({ length: count }, (_, k) => start + k * width)
}

/** Returns `count` bounds, each `factor` times the one before. @throws Error if an argument is too small. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  if (start <= 0) throw new Error('Exponential buckets needs a positive start')
  if (count < 1) throw new Error('Exponential buckets needs a positive count')
  if (factor <= 1) throw new Error('Exponential buckets needs a factor greater than 1')
  const bounds = [start]
  while (bounds.length < count) bounds.push((bounds.at(-1) as number) * factor)
  return bounds
}

/** A metric that counts observed values by buckets. All threads of the process share it, if its registry is shared. */
export class Histogram<T extends string = string> extends Metric<T, Distribution> {
  /** The upper bounds of the buckets. */
  readonly buckets: readonly number[]
  /** The upper bounds of the buckets, by another of prom-client's names. */
  readonly upperBounds: readonly number[]
  #parts: readonly string[]

  /** @throws TypeError, Error for a wrong configuration, or if a registry has a metric with the name. */
  constructor(config: HistogramConfiguration<T>, /** @internal */ scope?: string) {
    super(config, 'histogram', scope)
    if (this.labelNames.includes('le' as T)) throw new Error('le is a reserved label keyword')
    this.buckets = this.upperBounds = Object.freeze([...(config.buckets ?? DEFAULT_BUCKETS)])
    this.#parts = bucketParts([...this.upperBounds.map(String), '+Inf'])
    this.register(this.upperBounds)
    this.showUnlabelled()
  }

  protected get parts(): readonly string[] {
    return this.#parts
  }

  protected makeLocal(): Distribution {
    return new LocalDistribution(this.#parts.length)
  }

  protected makeShared(slots: readonly number[]): Distribution {
    return new SharedDistribution(slots)
  }

  protected copy(numbers: Distribution): Distribution {
    const counts = this.#parts.map((_, bucket) => numbers.countOf(bucket))
    return new LocalDistribution(this.#parts.length, counts, numbers.sum, numbers.isShown)
  }

  /**
   * Counts a value exactly once. With exemplars, the only argument is an {@link ObserveDataWithExemplar}.
   *
   * @throws TypeError if the value is no finite number; Error for a label that the histogram has not.
   */
  observe(labels: LabelValues<T>, value: number): void
  observe(valueOrData: number | ObserveDataWithExemplar<T>): void
  observe(first: LabelValues<T> | number | ObserveDataWithExemplar<T>, second?: number): void {
    if (this.enableExemplars) {
      this.#observeWithExemplar(first as ObserveDataWithExemplar<T>)
    } else if (typeof first === 'object') {
      this.#count(this.seriesOf(first), second)
    } else {
      this.#count(this.children.unlabelled, first)
    }
  }

  #bucketOf(value: number): number {
    const bounds = this.upperBounds
    for (let k = 0; k < bounds.length; k++) if (value <= (bounds[k] as number)) return k
    return bounds.length
  }

  #count(series: SeriesOf<Distribution>, value: unknown): void {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new TypeError(`Value is not a valid number: ${format(value)}`)
    }
    series.numbers.observe(this.#bucketOf(value), value)
  }

  #observeWithExemplar({ labels, value, exemplarLabels = {} }: ObserveDataWithExemplar<T>): void {
    const series = this.seriesOf(labels ?? NO_LABELS)
    this.#count(series, value)
    if (Object.keys(exemplarLabels).length === 0) return
    checkExemplar(exemplarLabels)
    const exemplar: Exemplar = { labelSet: { ...exemplarLabels }, value, timestamp: Date.now() / 1000 }
    series.exemplars ??= new Map()
    series.exemplars.set(this.#bucketOf(value), exemplar)
  }

  /** Returns the samples of all threads. Calls `collect()` first. */
  async get(): Promise<MetricObjectWithValues> {
    const { values, ...rest } = await this.getForPromString()
    return {
      ...rest,
      values: values.map(({ sharedLabels, labels, ...value }) => ({
        ...value,
        labels: { ...labels, ...(sharedLabels as Record<string, string>) },
      })),
    }
  }

  /** @internal */
  async getForPromString(): Promise<
    MetricObjectWithValues<MetricValue & { sharedLabels: Readonly<Record<string, unknown>> }>
  > {
    const values = (await this.collected()).flatMap((series) => this.#samplesOf(series))
    return { ...this.describe(), values }
  }

  #samplesOf({ labels: sharedLabels, numbers, exemplars }: SeriesOf<Distribution>) {
    const { name, upperBounds } = this
    const exemplarOf = (bucket: number): Exemplar | null => exemplars?.get(bucket) ?? null
    let seen = 0
    const buckets = [...upperBounds, Infinity].map((bound, bucket) => ({
      labels: bound === Infinity && bucket === upperBounds.length ? INFINITE : { le: bound },
      sharedLabels,
      value: (seen += numbers.countOf(bucket)),
      metricName: `${name}_bucket`,
      exemplar: exemplarOf(bucket),
    }))
    const ends = [
      ['sum', numbers.sum],
      ['count', seen],
    ] as const
    return [
      ...buckets,
      ...ends.map(([end, value]) => ({
        ...{ labels: {}, sharedLabels, value, metricName: `${name}_${end}`, exemplar: undefined },
      })),
    ]
  }

  /** Removes all series. */
  reset(): void {
    this.removeAll()
  }

  /** Begins the series of these labels at 0. */
  zero(labels: LabelValues<T>): void {
    const { numbers } = this.seriesOf(labels)
    numbers.remove()
    numbers.show()
  }

  /**
   * Starts a timer. The function that it returns observes the seconds since then, with the labels of the start and of the end,
   * and returns them.
   */
  startTimer(
    labels?: LabelValues<T>,
    exemplarLabels?: LabelValues<string>,
  ): (endLabels?: LabelValues<T>, endExemplarLabels?: LabelValues<string>) => number {
    const clock = startClock()
    return (endLabels, endExemplarLabels) => {
      const value = clock()
      const all = { ...labels, ...endLabels } as LabelValues<T>
      if (this.enableExemplars) {
        const exemplar = { ...exemplarLabels, ...endExemplarLabels } as Record<string, string | number>
        this.observe({ labels: all, value, exemplarLabels: exemplar })
      } else {
        this.observe(all, value)
      }
      return value
    }
  }

  /** Returns the series of these labels. @throws Error for a label that the histogram has not. */
  labels(...values: string[]): HistogramChild<T>
  labels(labels: LabelValues<T>): HistogramChild<T>
  labels(...values: unknown[]): HistogramChild<T> {
    const labels = this.labelsOf(values)
    let series = this.seriesOf(labels)
    return {
      observe: (value) => {
        // The series may have been removed since: the update begins it anew.
        if (series.numbers.isForgotten) series = this.seriesOf(labels)
        this.#count(series, value)
      },
      startTimer: () => this.startTimer(labels as LabelValues<T>),
    }
  }
}
