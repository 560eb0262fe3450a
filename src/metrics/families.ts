/**
 * Metrics in memory that processes share, as readers see them: with the values of all living processes, and with what other
 * generations of the memory have counted.
 *
 * @module
 */
import { PROCESS_LABEL, combine } from './aggregator.js'
import type { Internals, OpenMetric, Opened } from './internals.js'
import { type Distribution, Family, type ShownSeries } from './read.js'
import { type MetricSpec, OVERFLOW } from './schema.js'
import type { SeenMembers } from './process-columns.js'
import { SeriesCache } from './series-cache.js'
import type { ReadableStore, Store } from './store.js'

/** A text that two metrics share only if their series can be added up. */
function likenessOf({ kind, name, type, labels, buckets }: MetricSpec): string {
  return JSON.stringify([kind, name, type, labels, buckets])
}

/** For each series of a metric of another generation, the series of this one that has its labels. */
const counterparts = new SeriesCache<number>()

/** A metric of another generation, whose values are added to those of this one. */
class OtherFamily {
  readonly family: SharedFamily
  /** Its series, by the series of this generation. */
  readonly series = new Map<number, number[]>()

  /** Makes the series here that the other generation has. Those for which there is no room go to the overflow series. */
  constructor(ours: OpenMetric, theirs: OpenMetric, store: ReadableStore) {
    this.family = new SharedFamily(theirs, store)
    const known = counterparts.of(theirs)
    for (let series = 0; series < this.family.series; series++) {
      const labels = this.family.labelsOf(series)
      if (labels === null) continue
      const here = (known[series] ??= counterpartOf(ours, labels))
      this.series.set(here, [...(this.series.get(here) ?? []), series])
    }
  }
}

function counterpartOf({ table }: OpenMetric, labels: readonly string[]): number {
  if (table === null) return 0
  const series = labels.every((text) => text === OVERFLOW) ? -1 : table.find(labels)
  return series === -1 ? table.slots : series
}

/** A metric in memory that processes share. Before it is read, somebody has looked which processes live. */
export class SharedFamily extends Family {
  protected readonly members = this.store.members as SeenMembers
  readonly #internals: Internals | null
  #others: readonly OtherFamily[] = []

  /** @param internals - the metrics to which it belongs, if what other generations have counted is to be added. */
  constructor(metric: OpenMetric, store: ReadableStore, internals: Internals | null = null) {
    super(metric, store)
    this.#internals = internals
  }

  /** Adds what other generations have counted. Returns this family. */
  withOthers(all: readonly Opened[]): this {
    const likeness = likenessOf(this.spec)
    this.#others = all.flatMap(({ metrics, store }) =>
      metrics
        .filter(({ plan }) => likenessOf(plan.spec) === likeness)
        .map((theirs) => new OtherFamily(this.metric, theirs, store)),
    )
    return this
  }

  /** The value of a gauge in a process; undefined if the process has not updated it. `cell`: series x columns + column. */
  protected valueIn(cell: number): number | undefined {
    const { stateBase, wholeStride, wholeBase, doubleBase } = this.metric.plan
    if (this.members.states[stateBase + cell] === 0) return undefined
    const { wholes, doubles } = this.store
    return wholeStride === 0 ? doubles.get(doubleBase + cell) : wholes.get(wholeBase + cell)
  }

  /** The values of a gauge's living processes that have updated it. */
  #valuesHere(series: number): number[] {
    const { columns, count } = this.members
    const isOwnOnly = this.spec.aggregator === 'omit'
    return columns.living
      .filter((column) => !isOwnOnly || column === columns.own)
      .map((column) => this.valueIn(series * count + column))
      .filter((value) => value !== undefined)
  }

  #valuesOf(series: number): number[] {
    const others = this.#others.flatMap(({ family, series: theirs }) =>
      (theirs.get(series) ?? []).flatMap((one) => family.#valuesOf(one)),
    )
    return [...this.#valuesHere(series), ...others]
  }

  override isShown(series: number): boolean {
    if (this.spec.kind === 'gauge' && this.#valuesOf(series).length === 0) return false
    return super.isShown(series)
  }

  override valueOf(series: number): number {
    if (this.spec.kind === 'gauge') {
      const values = this.#valuesOf(series)
      return values.length === 0 ? 0 : combine(this.spec.aggregator, values)
    }
    return this.#others.reduce(
      (sum, { family, series: theirs }) =>
        (theirs.get(series) ?? []).reduce((all, one) => all + family.valueOf(one), sum),
      super.valueOf(series),
    )
  }

  override distributionOf(series: number): Distribution {
    const all = this.#others.flatMap(({ family, series: theirs }) =>
      (theirs.get(series) ?? []).map((one) => family.distributionOf(one)),
    )
    return all.reduce(
      (one, other) => ({
        count: one.count + other.count,
        sum: one.sum + other.sum,
        counts: one.counts.map((count, k) => count + (other.counts[k] as number)),
      }),
      super.distributionOf(series),
    )
  }

  /** Readers that keep a family call this at each reading. */
  override *shown(): Generator<ShownSeries> {
    if (this.#internals !== null) look(this.#internals, [this])
    yield* super.shown()
  }
}

/** A gauge of which readers see a series for each process: number `series * columns + column`. */
class FamilyByProcess extends SharedFamily {
  readonly #count = this.members.count
  override readonly spec: MetricSpec = {
    ...this.metric.plan.spec,
    labels: [...this.metric.plan.spec.labels, { name: PROCESS_LABEL, known: null }],
  }
  override readonly series = this.metric.plan.series * this.#count

  #find(series: number): number | undefined {
    return this.members.columns.living.includes(series % this.#count) ? this.valueIn(series) : undefined
  }

  override labelsOf(series: number): readonly string[] | null {
    const labels = super.labelsOf(Math.floor(series / this.#count))
    return labels === null ? null : [...labels, String(series % this.#count)]
  }

  override isShown(series: number): boolean {
    const value = this.#find(series)
    return value !== undefined && (value !== 0 || !this.spec.absentAtZero)
  }

  override valueOf(series: number): number {
    return this.#find(series) ?? 0
  }
}

/** Looks which processes live and which other generations there are, for families that are read next. */
function look(internals: Internals, families: readonly Family[]): void {
  const others = internals.others()
  for (const { store } of [internals, ...others]) store.members?.columns.look()
  for (const family of families) if (family instanceof SharedFamily) family.withOthers(others)
}

function sharedFamily(
  metric: OpenMetric,
  store: ReadableStore,
  internals: Internals | null = null,
): SharedFamily {
  const { kind, aggregator } = metric.plan.spec
  const isByProcess = kind === 'gauge' && aggregator === 'process'
  return new (isByProcess ? FamilyByProcess : SharedFamily)(metric, store, internals)
}

function familyOf(metric: OpenMetric, internals: Internals): Family {
  const { store } = internals
  return store.members === null ? new Family(metric, store) : sharedFamily(metric, store, internals)
}

/**
 * Returns a reader for each metric that processes share, as they were when somebody read them.
 *
 * @param others - the other generations.
 */
export function sharedFamiliesOf({ metrics, store }: Opened, others: readonly Opened[]): Family[] {
  return metrics.map((metric) => sharedFamily(metric, store).withOthers(others))
}

/** Returns a reader for each metric, in the order of the schema. */
export function familiesOf(internals: Internals): Family[] {
  const families = internals.metrics.map((metric) => familyOf(metric, internals))
  if (internals.store.members !== null) look(internals, families)
  return families
}

/** Returns a reader of the series of a metric, without what other generations have counted. */
export function seriesOf(metric: OpenMetric, store: Store): Family {
  if (store.members === null) return new Family(metric, store)
  store.members.columns.look()
  return new SharedFamily(metric, store)
}
