import { format } from 'node:util'
import { type Distribution, LocalDistribution, SharedDistribution } from './cells.js'
import type { LabelValues } from './labels.js'
import { Metric, type MetricConfiguration, type SeriesOf, startClock } from './metric.js'
import { WindowQuantiles } from './quantiles.js'
import type { MetricObjectWithValues, MetricValue } from './registry.js'

/** The configuration of a {@link Summary}. */
export interface SummaryConfiguration<T extends string> extends MetricConfiguration<T> {
  /** The quantiles to show, from 0 to 1. */
  percentiles?: readonly number[]
  /** The length of a sliding window. Without it and `ageBuckets`, quantiles are of all time. */
  maxAgeSeconds?: number
  /** How many steps the window moves in. */
  ageBuckets?: number
  /** Whether series without values in the window are removed. */
  pruneAgedBuckets?: boolean
  /** Accepted as in prom-client; the digest decides itself when it compresses. */
  compressCount?: number
}

/** A series of a summary. */
export interface SummaryChild<T extends string> {
  /** Counts a value. @throws TypeError if it is no finite number. */
  observe(value: number): void
  /** Starts a timer. The function that it returns observes the seconds since then and returns them. */
  startTimer(): (labels?: LabelValues<T>) => number
}

const DEFAULT_PERCENTILES = [0.01, 0.05, 0.5, 0.9, 0.95, 0.99, 0.999]

/** Count and sum, which all threads share, and the quantiles of this thread. */
class SummaryNumbers implements Distribution {
  readonly shared: Distribution
  readonly quantiles: WindowQuantiles

  constructor(shared: Distribution, quantiles: WindowQuantiles) {
    this.shared = shared
    this.quantiles = quantiles
  }

  get isShown(): boolean {
    return this.shared.isShown
  }

  get isForgotten(): boolean {
    return this.shared.isForgotten
  }

  get sum(): number {
    return this.shared.sum
  }

  countOf(bucket: number): number {
    return this.shared.countOf(bucket)
  }

  observe(bucket: number, value: number): void {
    this.quantiles.add(value)
    this.shared.observe(bucket, value)
  }

  show(): void {
    this.shared.show()
  }

  remove(): void {
    this.quantiles.reset()
    this.shared.remove()
  }
}

/**
 * A metric with quantiles. All threads of the process share its count and its sum, if its registry is shared; quantiles cannot
 * be added up, so those shown are of the values that the exposing thread observed.
 */
export class Summary<T extends string = string> extends Metric<T, SummaryNumbers> {
  /** The quantiles that are shown, from 0 to 1. */
  readonly percentiles: readonly number[]
  readonly #options: Pick<SummaryConfiguration<T>, 'maxAgeSeconds' | 'ageBuckets' | 'pruneAgedBuckets'>

  /** @throws TypeError, Error for a wrong configuration, or if a registry has a metric with the name. */
  constructor(config: SummaryConfiguration<T>, /** @internal */ scope?: string) {
    super(config, 'summary', scope)
    if (this.labelNames.includes('quantile' as T)) throw new Error('quantile is a reserved label keyword')
    this.percentiles = config.percentiles ?? DEFAULT_PERCENTILES
    this.#options = config
    this.register(null)
    this.showUnlabelled()
  }

  protected get parts(): readonly string[] {
    return ['']
  }

  #quantiles(): WindowQuantiles {
    return new WindowQuantiles(this.#options.maxAgeSeconds, this.#options.ageBuckets)
  }

  protected makeLocal(): SummaryNumbers {
    return new SummaryNumbers(new LocalDistribution(1), this.#quantiles())
  }

  protected makeShared(slots: readonly number[]): SummaryNumbers {
    return new SummaryNumbers(new SharedDistribution(slots), this.#quantiles())
  }

  protected copy({ shared, quantiles }: SummaryNumbers): SummaryNumbers {
    const copy = new LocalDistribution(1, [shared.countOf(0)], shared.sum, shared.isShown)
    return new SummaryNumbers(copy, quantiles)
  }

  /** Counts a value. @throws TypeError if it is no finite number; Error for a label that the summary has not. */
  observe(labels: LabelValues<T>, value: number): void
  observe(value: number): void
  observe(first: LabelValues<T> | number, second?: number): void {
    if (typeof first === 'object') this.#count(this.seriesOf(first), second)
    else this.#count(this.children.unlabelled, first)
  }

  #count(series: SeriesOf<SummaryNumbers>, value: unknown): void {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new TypeError(`Value is not a valid number: ${format(value)}`)
    }
    series.numbers.observe(0, value)
  }

  /** Returns the samples. Calls `collect()` first. */
  async get(): Promise<MetricObjectWithValues> {
    let series = await this.collected()
    if (this.#options.pruneAgedBuckets === true) {
      const aged = series.filter(({ numbers }) => numbers.quantiles.size === 0)
      for (const { labels } of aged) this.remove(labels)
      series = series.filter((one) => !aged.includes(one))
    }
    return { ...this.describe(), values: series.flatMap((one) => this.#samplesOf(one)) }
  }

  #samplesOf({ labels: given, numbers }: SeriesOf<SummaryNumbers>): MetricValue[] {
    const labels = given as Record<string, string | number>
    return [
      ...this.percentiles.map((quantile) => ({
        labels: { quantile, ...labels },
        value: numbers.quantiles.quantile(quantile) ?? 0,
      })),
      { metricName: `${this.name}_sum`, labels, value: numbers.sum },
      { metricName: `${this.name}_count`, labels, value: numbers.countOf(0) },
    ]
  }

  /** Makes count, sum and quantiles of all series 0. */
  reset(): void {
    for (const { numbers } of this.shownSeries()) {
      numbers.remove()
      numbers.show()
    }
  }

  /** Starts a timer. The function that it returns observes the seconds since then and returns them. */
  startTimer(labels?: LabelValues<T>): (endLabels?: LabelValues<T>) => number {
    const clock = startClock()
    return (endLabels) => {
      const seconds = clock()
      this.observe({ ...labels, ...endLabels } as LabelValues<T>, seconds)
      return seconds
    }
  }

  /** Returns the series of these labels. @throws Error for a label that the summary has not. */
  labels(...values: string[]): SummaryChild<T>
  labels(labels: LabelValues<T>): SummaryChild<T>
  labels(...values: unknown[]): SummaryChild<T> {
    const labels = this.labelsOf(values)
    this.seriesOf(labels)
    return {
      observe: (value) => {
        this.#count(this.seriesOf(labels), value)
      },
      startTimer: () => this.startTimer(labels as LabelValues<T>),
    }
  }
}
