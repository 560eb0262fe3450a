/**
 * Reads metrics series by series, for the modules that print their values or pass them to other libraries.
 *
 * @module
 */
import type { Buckets } from './buckets.js'
import type { OpenMetric } from './internals.js'
import { type MetricSpec, OVERFLOW } from './schema.js'
import { SeriesCache } from './series-cache.js'
import type { ReadableStore } from './store.js'

/** The content of one series of a histogram. */
export interface Distribution {
  readonly count: number
  readonly sum: number
  /** The count of each bucket, not cumulative. The last bucket, above all bounds, has no bound. */
  readonly counts: readonly number[]
}

/** A series that is shown to readers, and its label values. */
export interface ShownSeries {
  readonly series: number
  readonly labels: readonly string[]
}

/** The decoded label values of each series. Published label values never change, so each thread decodes them once. */
const knownLabels = new SeriesCache<readonly string[]>()

/** A metric as the formats show it: its name, its help text, and so on. */
export interface ExposedSpec extends Pick<MetricSpec, 'name' | 'help' | 'unit' | 'buckets'> {
  readonly labels: readonly { readonly name: string }[]
  readonly kind: MetricSpec['kind'] | 'summary'
}

/** What the writers of the formats ask of a metric. */
export interface ExposedFamily {
  readonly spec: ExposedSpec
  /** Null if the metric has none. */
  readonly buckets: Buckets | null
  /** The object by which what never changes of the series is remembered. */
  readonly metric: object
  /** The numbers of series are below this number. Many of them may be unused. */
  readonly series: number
  /** Returns the label values of a series, undefined for a label that it has not; null if the series does not exist. */
  labelsOf(series: number): readonly (string | undefined)[] | null
  isShown(series: number): boolean
  /** Returns the value of a series of a counter or gauge. */
  valueOf(series: number): number
  /** Returns the content of a series of a histogram or summary. */
  distributionOf(series: number): Distribution
}

/** Reads one metric series by series. */
export class Family implements ExposedFamily {
  readonly spec: MetricSpec
  readonly buckets: Buckets | null
  /** The metric. This object is one for all readings, so readers can use it as a key. */
  readonly metric: OpenMetric
  /** The numbers of series are below this number. Many of them may be unused. */
  readonly series: number
  protected readonly store: ReadableStore
  readonly #known: (readonly string[] | undefined)[]

  constructor(metric: OpenMetric, store: ReadableStore) {
    this.metric = metric
    this.spec = metric.plan.spec
    this.buckets = metric.buckets
    this.series = metric.plan.series
    this.store = store
    this.#known = knownLabels.of(metric)
  }

  /** Returns the label values of a series; null if the series does not exist. */
  labelsOf(series: number): readonly string[] | null {
    const { table } = this.metric
    const { labels } = this.metric.plan.spec
    const known = this.#known[series]
    if (known !== undefined) return known
    const found =
      table === null
        ? []
        : series === table.slots
          ? labels.map(() => OVERFLOW)
          : table.valuesOf(series, labels.length)
    if (found !== null) this.#known[series] = found
    return found
  }

  /**
   * Returns whether a series is shown. The overflow series, and the series of metrics with `absentAtZero`, are shown only if
   * they are not 0.
   */
  isShown(series: number): boolean {
    const isOverflow = this.metric.table !== null && series === this.series - 1
    if (!isOverflow && !this.spec.absentAtZero) return true
    return this.buckets === null ? this.valueOf(series) !== 0 : this.distributionOf(series).count !== 0
  }

  /** Returns the value of a series of a counter or gauge. */
  valueOf(series: number): number {
    const { wholeStride, wholeBase, doubleBase } = this.metric.plan
    const { wholes, doubles } = this.store
    return wholeStride === 0 ? doubles.get(doubleBase + series) : wholes.get(wholeBase + series)
  }

  /** Returns the content of a series of a histogram. */
  distributionOf(series: number): Distribution {
    const { wholeStride, wholeBase, doubleBase } = this.metric.plan
    const { wholes, doubles } = this.store
    const base = wholeBase + series * wholeStride
    const counts = Array.from({ length: wholeStride }, (_, k) => wholes.get(base + k))
    return { count: counts.reduce((a, b) => a + b), sum: doubles.get(doubleBase + series), counts }
  }

  /** Yields the series that exist and are shown, with their labels. */
  *shown(): Generator<ShownSeries> {
    for (let series = 0; series < this.series; series++) {
      const labels = this.labelsOf(series)
      if (labels !== null && this.isShown(series)) yield { series, labels }
    }
  }
}

/** The bounds of classic buckets, and for each bound the counts that it includes. */
export interface Cumulative {
  readonly bounds: readonly number[]
  /** For each bound, the number of leading counts of a {@link Distribution} that are at or below the bound. */
  readonly ends: readonly number[]
}

/**
 * Returns the classic buckets with which a histogram is shown. A histogram with exponential buckets has too many bounds;
 * it is shown with those that are powers of two, which are bounds in every schema.
 */
export function classicBuckets(buckets: Buckets, schema: MetricSpec['buckets']): Cumulative {
  const all = Array.from(buckets.bounds, (bound, k) => ({ bound, end: k + 1 }))
  const isClassic = schema === null || 'bounds' in schema
  const shown = isClassic ? all : all.filter(({ bound }) => Number.isInteger(Math.log2(bound)))
  return { bounds: shown.map(({ bound }) => bound), ends: shown.map(({ end }) => end) }
}

/** Returns for each bound the number of observations at or below it. */
export function cumulate({ ends }: Cumulative, counts: readonly number[]): number[] {
  let [seen, next] = [0, 0]
  return ends.map((end) => {
    while (next < end) seen += counts[next++] as number
    return seen
  })
}
