/**
 * Reads metrics, series by series, for whatever prints or hands on their values.
 *
 * @module
 */
import type { Buckets } from './buckets.js'
import type { Internals, OpenMetric } from './internals.js'
import { type MetricSpec, OVERFLOW } from './schema.js'
import type { Store } from './store.js'

/** What a histogram's series holds. */
export interface Distribution {
  readonly count: number
  readonly sum: number
  /** Not cumulative; one more than there are bounds. */
  readonly counts: readonly number[]
}

/** Label values never change once they are published: each set is decoded once in a thread. */
const knownLabels = new WeakMap<OpenMetric, (readonly string[] | undefined)[]>()

/** A metric, to be read series by series. */
export class Family {
  readonly spec: MetricSpec
  readonly buckets: Buckets | null
  /** The metric: the same object in each reading, for what readers want to remember. */
  readonly metric: OpenMetric
  /** Numbers of series go from 0 to this; most of them may be free. */
  readonly series: number
  readonly #store: Store
  readonly #known: (readonly string[] | undefined)[]

  constructor(metric: OpenMetric, store: Store) {
    this.metric = metric
    this.spec = metric.plan.spec
    this.buckets = metric.buckets
    this.series = metric.plan.series
    this.#store = store
    this.#known = knownLabels.get(metric) ?? []
    knownLabels.set(metric, this.#known)
  }

  /** The label values of a series; null where there is none. */
  labelsOf(series: number): readonly string[] | null {
    const { table } = this.metric
    const { labels } = this.spec
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

  /** Whether a series with labels is to be shown: the overflow series when there is something in it. */
  isShown(series: number): boolean {
    if (this.metric.table === null || series < this.series - 1) return true
    return this.buckets === null ? this.valueOf(series) !== 0 : this.distributionOf(series).count !== 0
  }

  /** The value of a counter's or a gauge's series. */
  valueOf(series: number): number {
    const { wholeStride, wholeBase, doubleBase } = this.metric.plan
    const { wholes, doubles } = this.#store
    return wholeStride === 0 ? doubles.get(doubleBase + series) : wholes.get(wholeBase + series)
  }

  distributionOf(series: number): Distribution {
    const { wholeStride, wholeBase, doubleBase } = this.metric.plan
    const { wholes, doubles } = this.#store
    const base = wholeBase + series * wholeStride
    const counts = Array.from({ length: wholeStride }, (_, k) => wholes.get(base + k))
    return { count: counts.reduce((a, b) => a + b), sum: doubles.get(doubleBase + series), counts }
  }

  /** The series that there are, with their labels. */
  *shown(): Generator<{ series: number; labels: readonly string[] }> {
    for (let series = 0; series < this.series; series++) {
      const labels = this.labelsOf(series)
      if (labels !== null && this.isShown(series)) yield { series, labels }
    }
  }
}

/** All metrics, in the order of the schema. */
export function familiesOf({ store, metrics }: Internals): Family[] {
  return metrics.map((metric) => new Family(metric, store))
}

/** Bounds of classic buckets, and how many of a point's counts are up to and with each. */
export interface Cumulative {
  readonly bounds: readonly number[]
  /** Of a point's counts: how many of them. */
  readonly ends: readonly number[]
}

/**
 * The classic buckets that a histogram is shown with. Exponential ones are too many: of them the powers of two,
 * which are bounds in every schema.
 */
export function classicBuckets(buckets: Buckets, schema: MetricSpec['buckets']): Cumulative {
  const all = Array.from(buckets.bounds, (bound, k) => ({ bound, end: k + 1 }))
  const isClassic = schema === null || 'bounds' in schema
  const shown = isClassic ? all : all.filter(({ bound }) => Number.isInteger(Math.log2(bound)))
  return { bounds: shown.map(({ bound }) => bound), ends: shown.map(({ end }) => end) }
}

/** Calls `visit` for each bound with the count up to it. */
export function cumulate({ ends }: Cumulative, counts: readonly number[]): number[] {
  let [seen, next] = [0, 0]
  return ends.map((end) => {
    while (next < end) seen += counts[next++] as number
    return seen
  })
}
