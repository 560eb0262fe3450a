/**
 * The metrics of a service, from what its files hold: which of a name is shown, its series, and their values.
 *
 * @module
 */
import { type Buckets, makeBuckets } from '../metrics/buckets.js'
import { isPlain } from '../metrics/names.js'
import type { Distribution, ExposedFamily, ExposedSpec } from '../metrics/read.js'
import { PROCESS_LABEL, combine } from '../metrics/aggregator.js'
import type { SeenMetric, SeenNumber, SeriesLook } from './file.js'
import { type SharedMetric, identity, sharedBucketParts } from './keys.js'
import { COLUMNS } from './layout.js'
import { type Sums, partOf } from './sums.js'

/** A look at one file, and which of the columns belong to processes that live. */
export interface LivingLook extends SeriesLook {
  readonly living: readonly number[]
}

/** A series, and what is known of it. */
export interface SeenSeries {
  /** The values of the family's labels; undefined for a label that the series has not. */
  readonly labels: readonly (string | undefined)[]
  /** The value of a counter or gauge; of a histogram or summary, the number of observations. */
  readonly value: number
  readonly distribution: Distribution
  /** The part of each CPU in `value`, and that of the overflow shard; empty unless it was read. */
  readonly shares: readonly number[]
}

const KINDS = ['counter', 'gauge', 'histogram', 'summary'] as const
type Kind = (typeof KINDS)[number]

function kindOf(type: string): Kind | undefined {
  return KINDS.find((kind) => kind === type)
}

/** A metric, and its series. */
export class SeenFamily implements ExposedFamily {
  readonly spec: ExposedSpec
  readonly buckets: Buckets | null
  readonly metric = {}
  readonly #all: readonly SeenSeries[]

  constructor(spec: ExposedSpec, all: readonly SeenSeries[]) {
    this.spec = spec
    this.buckets = spec.buckets === null ? null : makeBuckets(spec.buckets)
    this.#all = all
  }

  /** All series, in the order in which they were made. */
  get all(): readonly SeenSeries[] {
    return this.#all
  }

  get series(): number {
    return this.#all.length
  }

  labelsOf(series: number): readonly (string | undefined)[] | null {
    return this.#all[series]?.labels ?? null
  }

  isShown(): boolean {
    return true
  }

  valueOf(series: number): number {
    return this.#all[series]?.value ?? 0
  }

  distributionOf(series: number): Distribution {
    return this.#all[series]?.distribution ?? NO_DISTRIBUTION
  }
}

/** Of a series that is no histogram. */
export const NO_DISTRIBUTION: Distribution = { count: 0, sum: 0, counts: [] }

/** The numbers of one series, from all looks. */
interface Gathered {
  readonly labels: SeenNumber['labels']
  readonly numbers: { readonly look: LivingLook; readonly process: number; readonly number: SeenNumber }[]
}

/** The numbers of a metric by their label sets. Those with other labels belong to another release's metric of the name. */
function gather({ scope, name, labelNames }: SharedMetric, looks: readonly LivingLook[]): Gathered[] {
  const found = new Map<string, Gathered>()
  for (const [k, look] of looks.entries()) {
    for (const number of look.numbers.get(identity(scope, name)) ?? []) {
      const { labels, column } = number
      if (!labels.every(([label]) => labelNames.includes(label))) continue
      const key = JSON.stringify(labels)
      const gathered = found.get(key) ?? { labels, numbers: [] }
      found.set(key, gathered)
      gathered.numbers.push({ look, number, process: column === -1 ? -1 : k * COLUMNS + column })
    }
  }
  return [...found.values()]
}

/** The parts of the shards in the numbers at some slots; empty unless they were read. */
function sharesOf(of: readonly (readonly [sums: Sums, slot: number])[]): number[] {
  const length = Math.max(0, ...of.map(([{ shards }]) => shards.length))
  return Array.from({ length }, (_, shard) =>
    of.reduce((sum, [{ shards }, slot]) => sum + (partOf(shards, shard, length - 1)?.[slot] ?? 0), 0),
  )
}

/** Makes the series of a metric from its numbers; undefined for one that is not shown. */
type MakeSeries = (gathered: Gathered) => Pick<SeenSeries, 'value' | 'distribution' | 'shares'> | undefined

function counterSeries({ numbers }: Gathered): ReturnType<MakeSeries> {
  const shown = numbers.filter(({ number }) => number.part === '' && number.isShown)
  if (shown.length === 0) return undefined
  const parts = shown.flatMap(({ look, number: { slot } }) => [
    [look.counts, slot] as const,
    [look.sums, slot] as const,
  ])
  const value = parts.reduce((sum, [{ totals }, slot]) => sum + (totals[slot] as number), 0)
  return { value, distribution: NO_DISTRIBUTION, shares: sharesOf(parts) }
}

/** @param parts - the parts of the buckets; the slot of the last one also has the sum, and says whether the series is shown. */
function distributionSeries({ numbers }: Gathered, parts: readonly string[]): ReturnType<MakeSeries> {
  const last = numbers.filter(({ number }) => number.part === parts.at(-1) && number.isShown)
  if (last.length === 0) return undefined
  const looks = new Set(last.map(({ look }) => look))
  const ofBuckets = parts.map((part) =>
    numbers.filter(({ look, number }) => number.part === part && looks.has(look)),
  )
  const counts = ofBuckets.map((of) =>
    of.reduce((sum, { look, number }) => sum + (look.counts.totals[number.slot] as number), 0),
  )
  const count = counts.reduce((a, b) => a + b, 0)
  const sum = last.reduce((all, { look, number }) => all + (look.sums.totals[number.slot] as number), 0)
  const shares = sharesOf(ofBuckets.flat().map(({ look, number }) => [look.counts, number.slot] as const))
  return { value: count, distribution: { count, sum, counts }, shares }
}

/** The values of a gauge in the processes that live, in the order of their columns. */
function gaugeValues({ numbers }: Gathered): [process: number, value: number][] {
  return numbers
    .filter(({ look, number }) => number.isShown && look.living.includes(number.column))
    .sort((one, other) => one.process - other.process)
    .map(({ look, process, number: { slot } }) => {
      const special = look.specials[slot] as number
      return [process, special === 0 ? (look.sums.totals[slot] as number) : special]
    })
}

function seriesOf(metric: SharedMetric, kind: Kind, all: readonly Gathered[]): SeenSeries[] {
  const { labelNames, aggregator, buckets } = metric
  const labelsOf = ({ labels }: Gathered): (string | undefined)[] => {
    const values = new Map(labels)
    return labelNames.map((name) => values.get(name))
  }
  const plain = { distribution: NO_DISTRIBUTION, shares: [] }
  if (kind === 'gauge') {
    return all.flatMap((gathered): SeenSeries[] => {
      const values = gaugeValues(gathered)
      const labels = labelsOf(gathered)
      if (aggregator === 'process')
        return values.map(([process, value]) => ({ ...plain, labels: [...labels, String(process)], value }))
      const value = combine(
        aggregator,
        values.map(([, one]) => one),
      )
      return values.length === 0 ? [] : [{ ...plain, labels, value }]
    })
  }
  const parts = kind === 'histogram' ? sharedBucketParts([...(buckets ?? []).map(String), '+Inf']) : ['']
  const make: MakeSeries =
    kind === 'counter' ? counterSeries : (gathered) => distributionSeries(gathered, parts)
  return all.flatMap((gathered): SeenSeries[] => {
    const made = make(gathered)
    return made === undefined ? [] : [{ ...made, labels: labelsOf(gathered) }]
  })
}

/** Whether every format can show a metric: rseq/prom-client registers no other, but the bytes of a file may be overwritten. */
function isSound(metric: SharedMetric): boolean {
  const { name, type, buckets } = metric
  const isAscending = (buckets ?? []).every((bound, k, all) => k === 0 || bound > (all[k - 1] as number))
  const names = [...shownLabels(metric), ...(type === 'histogram' ? ['le'] : [])]
  const areLabels = names.every((label) => isPlain(label, 'label')) && new Set(names).size === names.length
  return isPlain(name, 'metric') && areLabels && isAscending && kindOf(type) !== undefined
}

/** The labels of the series that are shown. */
function shownLabels({ labelNames, aggregator }: SharedMetric): string[] {
  return aggregator === 'process' ? [...labelNames, PROCESS_LABEL] : [...labelNames]
}

function rankOf({ metric }: SeenMetric): number {
  return metric.scope === '' ? 0 : 1
}

/** Of each name, the metric that was registered last; of files, the first one counts that has the name. */
function chosen(looks: readonly LivingLook[]): SharedMetric[] {
  const all = new Map<string, SharedMetric>()
  for (const { metrics } of looks) {
    const ofFile = metrics.filter(({ registration, metric }) => registration > 0 && isSound(metric))
    // The default registry goes first.
    ofFile.sort((one, other) => rankOf(one) - rankOf(other) || other.registration - one.registration)
    for (const { metric } of ofFile) {
      const { name } = metric
      if (!all.has(name)) all.set(name, metric)
    }
  }
  // Those that were registered first go first.
  return [...all.values()].reverse().filter(({ aggregator }) => aggregator !== 'omit')
}

/** Returns the metrics of a service. Counts of several files are added up. */
export function familiesOf(looks: readonly LivingLook[]): SeenFamily[] {
  return chosen(looks).map((metric) => {
    const { name, help, type, buckets } = metric
    const kind = kindOf(type) ?? 'gauge'
    const spec: ExposedSpec = {
      ...{ name, help, kind, unit: '' },
      labels: shownLabels(metric).map((label) => ({ name: label })),
      buckets: kind === 'histogram' ? { bounds: (buckets ?? []).filter(Number.isFinite) } : null,
    }
    return new SeenFamily(spec, seriesOf(metric, kind, gather(metric, looks)))
  })
}
