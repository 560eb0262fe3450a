/**
 * What all metrics have in common: their configuration, their registries, and where their series live.
 *
 * @module
 */
import type { Numbers } from './cells.js'
import type { Exposition } from './exposition.js'
import { type Child, Children } from './children.js'
import { announce, checkAgreement, labelSetsOf, refresh, seriesKey } from './index-of-series.js'
import { NO_LABELS, areLabelNames, isObject, labelsOf, validateMetricName } from './labels.js'
import type { Aggregator } from '../metrics/aggregator.js'
import { collectNowAndThen, stopCollecting } from './collecting.js'
import { memory } from './memory.js'
import {
  type Exemplar,
  type MetricObjectWithValues,
  PROMETHEUS,
  type RegisteredMetric,
  type Registry,
  type RegistryContentType,
  globalRegistry,
} from './registry.js'

/** The configuration of a new metric. */
export interface MetricConfiguration<T extends string> {
  /** Letters, digits, `_` and `:`. */
  name: string
  /** What the metric measures. */
  help: string
  /** The names of its labels. */
  labelNames?: readonly T[]
  /** The registries that show it; by default the default registry. */
  registers?: readonly Registry<RegistryContentType>[] | undefined
  /** How an {@link AggregatorRegistry} combines it; by default the sum. */
  aggregator?: Aggregator
  /** Called by each exposition before the metric is read. */
  collect?: (this: never) => void | Promise<void>
  /** Whether samples have exemplars. The registries must have the content type of OpenMetrics. */
  enableExemplars?: boolean
  /**
   * Whether all threads of the process share the metric, if its registry is shared. By default they do. prom-client has no such
   * option.
   */
  shared?: boolean
}

/** A series of a metric, and the exemplars of its samples, which each thread has for itself. */
export interface SeriesOf<N extends Numbers> extends Child<N> {
  exemplars: Map<number, Exemplar> | null
}

let hasWarned = false

function warnOnce(name: string): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(
    `the memory that threads share has no room for another series of ${name}; this thread counts further series for itself`,
    'RseqMetricsWarning',
  )
}

/** Starts a clock: returns a function that says how many seconds have passed since. */
export function startClock(): () => number {
  const start = process.hrtime()
  return () => {
    const [seconds, nanoseconds] = process.hrtime(start)
    return seconds + nanoseconds / 1e9
  }
}

/** @throws RangeError if the names and values of an exemplar's labels take more than 128 characters. */
export function checkExemplar(labels: Readonly<Record<string, unknown>>): void {
  const size = Object.entries(labels).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length,
    0,
  )
  if (size > 128) throw new RangeError('Label set size must be smaller than 128 UTF-8 chars')
}

/** The base class of all metrics. `N` are the numbers of a series. */
export abstract class Metric<T extends string, N extends Numbers> implements RegisteredMetric {
  /** The metric's name. An exposition in OpenMetrics takes `_total` off the name of a counter. */
  name: string
  /** What the metric measures. */
  readonly help: string
  /** `counter`, `gauge`, `histogram` or `summary`. */
  readonly type: string
  /** The names of its labels, as they were given. */
  readonly labelNames: readonly T[]
  /** The registries that show it. */
  readonly registers: readonly Registry<RegistryContentType>[]
  /** How an {@link AggregatorRegistry} combines it. */
  readonly aggregator: Aggregator
  /** Whether its samples have exemplars. */
  readonly enableExemplars: boolean
  /** Called by each exposition before the metric is read. */
  collect?: () => void | Promise<void>
  /** @internal */
  protected children: Children<SeriesOf<N>>
  /** The scope in which threads share the metric; null if this thread has it alone. */
  #scope: string | null = null
  readonly #sharedName: string
  /** Whether the metric only shows what others count. */
  readonly #isReader: boolean
  readonly #sorted: readonly string[]
  /** How many of the label sets that all threads know are in `children`. */
  #merged = 0
  #leave: (() => number) | null = null

  /** @internal */
  protected constructor(config: MetricConfiguration<T>, type: string, scope?: string) {
    if (!isObject(config)) throw new TypeError('constructor expected a config object')
    const { name, help, labelNames = [], registers = [globalRegistry], aggregator = 'sum', collect } = config
    if (!help) throw new Error('Missing mandatory help parameter')
    if (!name) throw new Error('Missing mandatory name parameter')
    if (!validateMetricName(name)) throw new Error('Invalid metric name')
    if (!areLabelNames(labelNames)) throw new Error('Invalid label name')
    if (collect && typeof collect !== 'function') {
      throw new Error('Optional "collect" parameter must be a function')
    }
    this.name = this.#sharedName = name
    this.help = help
    this.type = type
    this.labelNames = labelNames
    this.registers = registers
    this.aggregator = aggregator
    this.enableExemplars = config.enableExemplars === true
    if (collect) this.collect = collect
    this.#sorted = [...labelNames].sort()
    this.children = this.#noChildren()
    this.#isReader = scope !== undefined
    if (config.shared === false) return
    this.#scope = scope ?? registers.find((one) => typeof one.scope === 'string')?.scope ?? null
  }

  /** @internal Registers the metric; the last step of the constructor of each class. */
  protected register(buckets: readonly number[] | null): void {
    const { name, help, type, labelNames } = this
    for (const registry of this.registers) {
      if (this.enableExemplars && registry.contentType === PROMETHEUS) {
        throw new TypeError('Exemplars are supported only on OpenMetrics registries')
      }
    }
    const { aggregator } = this
    const shared =
      this.#scope === null ? null : { scope: this.#scope, name, type, help, labelNames, buckets, aggregator }
    const isNew = this.registers.every((registry) => registry.getSingleMetric(name) === undefined)
    if (shared !== null && isNew) checkAgreement(shared)
    for (const registry of this.registers) registry.registerMetric(this)
    if (shared === null || this.registers.length === 0) return
    this.#leave = announce(shared)
    if (memory.service !== null) collectNowAndThen(this)
  }

  /** @internal The bounds of the buckets as texts, the last one `+Inf`; `['']` for metrics without buckets. */
  protected abstract get parts(): readonly string[]
  /** @internal */
  protected abstract makeLocal(): N
  /** @internal */
  protected abstract makeShared(slots: readonly number[]): N
  /** @internal Returns numbers of this thread alone with the values of `numbers`. */
  protected abstract copy(numbers: N): N

  abstract get(): Promise<MetricObjectWithValues>
  abstract reset(): void

  #noChildren(): Children<SeriesOf<N>> {
    return new Children<SeriesOf<N>>(this.labelNames, (labels) => ({
      // An object for each series: the caller of get() may change the labels of a sample.
      labels: labels === NO_LABELS ? {} : labels,
      numbers: this.#makeNumbers(labels),
      exemplars: null,
    }))
  }

  #makeNumbers(labels: Readonly<Record<string, unknown>>): N {
    const scope = this.#scope
    if (scope === null) return this.makeLocal()
    const keyOf = (part: string): string[] => seriesKey(scope, this.#sharedName, part, this.#sorted, labels)
    if (memory.service !== null) {
      const numbers = this.makeForProcesses(keyOf)
      if (numbers !== null) return numbers
    }
    const slots = this.parts.map((part) => memory.slotOf(keyOf(part)))
    if (!slots.includes(-1)) return this.makeShared(slots)
    this.warnOfRoom()
    return this.makeLocal()
  }

  /** @internal Returns numbers that each process has for itself, in memory that processes share; null if all processes share them. */
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- gauges use it
  protected makeForProcesses(_keyOf: (part: string) => string[]): N | null {
    return null
  }

  /** @internal Warns that this thread counts a series for itself. */
  protected warnOfRoom(): void {
    warnOnce(this.#sharedName)
  }

  /** @internal Returns the series of these labels. */
  protected seriesOf(labels: object): SeriesOf<N> {
    return this.children.cached(labels) ?? this.children.find(labels as Readonly<Record<string, unknown>>)
  }

  /** @internal Shows the series of a metric without labels, which is there before its first update. */
  protected showUnlabelled(): void {
    if (this.labelNames.length === 0 && !this.#isReader) this.children.unlabelled.numbers.show()
  }

  /** @internal Returns the labels that the arguments of `labels()` and `remove()` give. */
  protected labelsOf(values: readonly unknown[]): Record<string, unknown> {
    return labelsOf(this.labelNames, values)
  }

  /** @internal Calls `collect()`, and returns the series that an exposition shows. */
  protected async collected(exposition?: Exposition): Promise<SeriesOf<N>[]> {
    await this.collect?.()
    return this.shownSeries(exposition)
  }

  /** @internal Returns the series that this or another thread shows, those of this thread first. */
  protected shownSeries(exposition?: Exposition): SeriesOf<N>[] {
    return this.allSeries(exposition).filter(({ numbers }) => numbers.isShown)
  }

  /** @internal As {@link shownSeries}, with the series that are not shown. */
  protected allSeries(exposition?: Exposition): readonly SeriesOf<N>[] {
    if (exposition === undefined) memory.service?.look()
    this.#mergeLabelSets()
    return this.children.all()
  }

  /** Adds the series that other threads have made to `children`. */
  #mergeLabelSets(): void {
    if (this.#scope === null) return
    refresh()
    const sets = labelSetsOf(this.#scope, this.#sharedName)
    for (const labels of sets.slice(this.#merged)) {
      if (Object.keys(labels).every((label) => this.#sorted.includes(label))) this.children.find(labels)
    }
    this.#merged = sets.length
  }

  /** @internal Removes all series, in all threads. */
  protected removeAll(): void {
    const all = this.#scope === null ? this.children.all() : this.shownSeries()
    for (const { numbers } of all) numbers.remove()
    this.children = this.#noChildren()
    this.#merged = 0
  }

  /**
   * Removes the series of these labels, in all threads that share the metric. An update shows it again, from 0.
   *
   * @param values - an object with the labels, or one value for each label.
   */
  remove(...values: readonly unknown[]): void {
    const labels = this.labelsOf(values)
    // Another thread may have made a series that this one has not met.
    if (this.#scope !== null) this.#mergeLabelSets()
    const child = this.children.remove(labels)
    child?.numbers.remove()
    // Another thread may update the series later, which shows it again.
    this.#merged = 0
  }

  /** Removes the series of these labels, as {@link remove} does. */
  removeByLabels(labels: Readonly<Record<string, unknown>>): void {
    this.remove(labels)
  }

  /** @internal Called when a registry has removed the metric: it lives on for this thread alone, and with what it had counted. */
  leave(): void {
    const leave = this.#leave
    if (leave === null || this.registers.some((one) => one.getSingleMetric(this.#sharedName) === this)) return
    this.#leave = null
    const shown = this.shownSeries()
    const remaining = leave()
    // The values of a gauge are this process's own, in memory that processes share.
    const isGone = remaining <= 0 || (memory.service !== null && this.type === 'gauge')
    this.#scope = null
    stopCollecting(this)
    for (const child of shown) {
      const { numbers } = child
      child.numbers = this.copy(numbers)
      if (isGone) numbers.remove()
    }
  }

  /** @internal The metric as an object, without its samples. */
  protected describe(): { name: string; help: string; type: string; aggregator: Aggregator } {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator }
  }
}
