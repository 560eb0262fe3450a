/**
 * Registries: the metrics that one exposition shows, and their text.
 *
 * @module
 */
import { Exposition } from './exposition.js'
import { PROCESS_LABEL } from '../metrics/aggregator.js'
import type { SharedMetric } from '../series/keys.js'
import { STALE_HELP, STALE_NAME } from '../series/round.js'
import { metricsOf, refresh } from './index-of-series.js'
import { memory } from './memory.js'

/** Prometheus's text format. */
export const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
/** OpenMetrics. */
export const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
/** The content type of an exposition. */
export type RegistryContentType = typeof PROMETHEUS | typeof OPENMETRICS

function isContentType(value: unknown): boolean {
  return value === PROMETHEUS || value === OPENMETRICS
}

/** An exemplar of a counter or of a bucket. */
export interface Exemplar {
  /** Its labels: at most 128 characters. */
  labelSet: Record<string, string | number>
  /** The value that was added or observed. */
  value: number
  /** Seconds since 1970. */
  timestamp?: number
}

/** One sample of a metric. */
export interface MetricValue<T extends string = string> {
  /** The value, any number. */
  value: number
  /** The labels of the sample. */
  labels: Partial<Record<T, string | number>>
  /** The sample's name, if it is not the metric's. */
  metricName?: string | undefined
  /** The exemplar of this thread, if there is one. */
  exemplar?: Exemplar | null | undefined
}

/** A sample whose labels are in two objects: one of its own, and one that several samples share. */
interface SplitValue extends MetricValue {
  readonly sharedLabels?: Readonly<Record<string, unknown>>
}

/** A metric and its samples. */
export interface MetricObjectWithValues<V = MetricValue> {
  /** The metric's name. */
  name: string
  /** What it measures. */
  help: string
  /** `counter`, `gauge`, `histogram` or `summary`. */
  type: string
  /** How an {@link AggregatorRegistry} combines it. */
  aggregator: string
  /** Its samples. */
  values: V[]
}

/** @internal How a metric writes its text. */
export interface TextStyle {
  /** The lines in front of its samples. */
  readonly head: string
  /** The name of all samples. */
  readonly sampleName: string
  readonly isOpenMetrics: boolean
  readonly exposition: Exposition
}

/** What a registry asks of a metric. Objects of other libraries may implement it. */
export interface RegisteredMetric {
  /** The name under which a registry has it. */
  name: string
  /** `counter`, `gauge`, `histogram` or `summary`. */
  readonly type?: string
  /** What it measures. */
  readonly help?: string
  /** Returns the samples. */
  get(): Promise<MetricObjectWithValues> | MetricObjectWithValues
  /** Makes the values 0. */
  reset?(): void
  /** @internal As `get()`, but the labels of samples may be split. */
  getForPromString?(): Promise<MetricObjectWithValues>
  /** @internal Returns the head and the lines of all samples; null if {@link get} says more about the samples. */
  getText?(style: TextStyle): Promise<string> | null
  /** @internal Called when a registry has removed the metric. */
  leave?(): void
}

/** Returns a number as the text formats write it. */
export function numberText(value: number, isOpenMetrics: boolean): string {
  // prom-client writes `Nan` in Prometheus's format, whose parsers ignore the case; OpenMetrics requires `NaN`.
  if (Number.isNaN(value)) return isOpenMetrics ? 'NaN' : 'Nan'
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function labelTexts(labels: Readonly<Record<string, unknown>>, except: object = {}): string[] {
  return Object.entries(labels)
    .filter(([name]) => !Object.hasOwn(except, name))
    .map(([name, value]) => {
      const text = typeof value === 'string' ? escape(value).replaceAll('"', '\\"') : String(value)
      return `${name}="${text}"`
    })
}

function headOf(name: string, help: string, type: string): string {
  const family = escape(name)
  return `# HELP ${family} ${escape(help)}\n# TYPE ${family} ${type}`
}

/** OpenMetrics appends `_total` to the samples of a counter. */
function sampleName(name: string, type: string, isOpenMetrics: boolean): string {
  return isOpenMetrics && type === 'counter' ? `${name}_total` : name
}

/** Returns what stands in front of the number of a sample. */
export function sampleFront(name: string, labels: Readonly<Record<string, unknown>>): string {
  const texts = labelTexts(labels)
  return texts.length === 0 ? name : `${name}{${texts.join(',')}}`
}

/** The texts of shared labels: several samples of one series have one object. */
const knownTexts = new WeakMap<object, string>()

function sharedText(labels: Readonly<Record<string, unknown>>): string {
  let text = knownTexts.get(labels)
  if (text === undefined) {
    text = labelTexts(labels).join(',')
    knownTexts.set(labels, text)
  }
  return text
}

/** What {@link joined} joined last. If nothing has changed, the next exposition is that text. */
let last: { readonly parts: readonly string[]; readonly text: string } = { parts: [], text: '' }

function joined(texts: readonly string[], separator: string, end: string): string {
  const parts = [...texts, separator]
  const isSame = parts.length === last.parts.length && parts.every((part, k) => part === last.parts[k])
  if (!isSame) last = { parts, text: texts.join(separator) + end }
  return last.text
}

/** Makes a metric that shows what other threads count; {@link setReader} gives the registry its classes. */
let readerOf: ((metric: SharedMetric) => RegisteredMetric) | null = null

/** @internal */
export function setReader(make: (metric: SharedMetric) => RegisteredMetric): void {
  readerOf = make
}

const readers = new Map<string, RegisteredMetric>()

/** Returns metrics that show what all threads, or all processes, count in a scope; those for which `isWanted` is true. */
export function sharedMetricsOf(
  scope: string,
  isWanted: (metric: SharedMetric) => boolean,
): RegisteredMetric[] {
  if (readerOf === null) return []
  const make = readerOf
  refresh()
  return metricsOf(scope)
    .filter(isWanted)
    .map((shared) => {
      const id = JSON.stringify(shared)
      const reader = readers.get(id) ?? make(shared)
      readers.set(id, reader)
      return reader
    })
}

/** Returns the metric that names the processes that live and do not answer; none if all do. {@link ServiceMembers.look} before. */
export function staleMetrics(): RegisteredMetric[] {
  const stale = memory.service?.stale() ?? []
  if (stale.length === 0) return []
  const [name, help, type, aggregator] = [STALE_NAME, STALE_HELP, 'gauge', 'sum']
  const values = stale.map(([column, value]) => ({ value, labels: { [PROCESS_LABEL]: String(column) } }))
  return [{ name, help, type, get: () => ({ name, help, type, aggregator, values }) }]
}

/** A set of metrics with different names, and their exposition. */
export class Registry<BoundRegistryContentType extends RegistryContentType = typeof PROMETHEUS> {
  /** The content type of Prometheus's text format. */
  static get PROMETHEUS_CONTENT_TYPE(): typeof PROMETHEUS {
    return PROMETHEUS
  }

  /** The content type of OpenMetrics. */
  static get OPENMETRICS_CONTENT_TYPE(): typeof OPENMETRICS {
    return OPENMETRICS
  }

  readonly #metrics = new Map<string, RegisteredMetric>()
  #defaultLabels: Record<string, string | number> = {}
  #contentType: RegistryContentType
  #scope: string | null = null

  /** @throws TypeError if `contentType` is neither of the two content types. */
  constructor(contentType: RegistryContentType = PROMETHEUS) {
    if (!isContentType(contentType)) {
      throw new TypeError(`Content type ${contentType as string} is unsupported`)
    }
    this.#contentType = contentType
  }

  /** @internal The scope in which threads share this registry's metrics; null if this thread has them alone. */
  get scope(): string | null {
    return this.#scope
  }

  /**
   * Lets all threads of the process that call it with the same scope share the metrics of their registries: metrics of one
   * name are one metric. The default registry is shared from the start. prom-client has no such method.
   *
   * @throws Error if the registry has metrics already.
   */
  share(scope: string): this {
    if (this.#metrics.size > 0)
      throw new Error('share: expected a registry without metrics, got one that has some')
    this.#scope = scope
    return this
  }

  /** Returns the metrics that this thread has registered. */
  getMetricsAsArray(): RegisteredMetric[] {
    return [...this.#metrics.values()]
  }

  /** The metrics to show: those of this thread, and those that other threads have registered. */
  #shown(): RegisteredMetric[] {
    const own = this.getMetricsAsArray()
    if (this.#scope === null) return own
    // What a gauge leaves out when processes are combined, only its own process shows.
    const isWanted = ({ name, aggregator }: SharedMetric): boolean =>
      !this.#metrics.has(name) && (memory.service === null || aggregator !== 'omit')
    const stale = staleMetrics().filter(({ name }) => !this.#metrics.has(name))
    return [...own, ...sharedMetricsOf(this.#scope, isWanted), ...stale]
  }

  /** Returns the text of one metric. */
  async getMetricsAsString(
    metric: RegisteredMetric,
    /** @internal */ exposition = new Exposition(),
  ): Promise<string> {
    const isOpenMetrics = this.#contentType === OPENMETRICS
    const hasDefaults = Object.keys(this.#defaultLabels).length > 0
    if (!hasDefaults && metric.getText !== undefined) {
      const { name, help = '', type = '' } = metric
      const text = await metric.getText({
        head: headOf(name, help, type),
        sampleName: sampleName(name, type, isOpenMetrics),
        isOpenMetrics,
        exposition,
      })
      if (text !== null) return text
    }
    const { name, help, type, values } =
      typeof metric.getForPromString === 'function' ? await metric.getForPromString() : await metric.get()
    const family = escape(name)
    const lines = [headOf(name, help, type)]
    for (const sample of (values as SplitValue[] | undefined) ?? []) {
      const { metricName = family, sharedLabels = {}, exemplar } = sample
      // JavaScript may register any object; prom-client takes samples without labels.
      const own = (sample.labels as SplitValue['labels'] | undefined) ?? {}
      const labels = hasDefaults ? { ...own, ...this.#defaultLabels, ...own } : own
      const texts = [...labelTexts(labels, sharedLabels), sharedText(sharedLabels)].filter(Boolean)
      const fullName = sampleName(metricName, type, isOpenMetrics)
      let line = `${fullName}${texts.length === 0 ? '' : `{${texts.join(',')}}`} ${numberText(sample.value, isOpenMetrics)}`
      if (exemplar && isOpenMetrics) {
        const when = exemplar.timestamp === undefined ? '' : ` ${exemplar.timestamp}`
        line += ` # {${labelTexts(exemplar.labelSet).join(',')}} ${numberText(exemplar.value, true)}${when}`
      }
      lines.push(line)
    }
    return lines.join('\n')
  }

  /** Returns the text of all metrics. Runs the `collect()` functions of the metrics that this thread has registered. */
  async metrics(): Promise<string> {
    const isOpenMetrics = this.#contentType === OPENMETRICS
    const exposition = new Exposition()
    const texts = await Promise.all(
      this.#shown().map((metric) => {
        // OpenMetrics appends `_total` to the samples of a counter, so its family is named without it.
        if (isOpenMetrics && metric.type === 'counter') metric.name = metric.name.replace(/_total$/, '')
        return this.getMetricsAsString(metric, exposition)
      }),
    )
    return isOpenMetrics ? joined(texts, '\n', '\n# EOF\n') : joined(texts, '\n\n', '\n')
  }

  /** Adds a metric. @throws Error if the registry has another metric with this name. */
  registerMetric(metric: RegisteredMetric): void {
    const existing = this.#metrics.get(metric.name)
    if (existing !== undefined && existing !== metric) {
      throw new Error(`A metric with the name ${metric.name} has already been registered.`)
    }
    this.#metrics.set(metric.name, metric)
  }

  /**
   * Removes all metrics and the default labels. What shared metrics counted goes with the last thread that has them
   * registered; until then other threads go on to show it.
   */
  clear(): void {
    const metrics = this.getMetricsAsArray()
    this.#metrics.clear()
    this.#defaultLabels = {}
    for (const metric of metrics) metric.leave?.()
  }

  /** Returns all metrics with their samples. */
  async getMetricsAsJSON(): Promise<MetricObjectWithValues[]> {
    const all = await Promise.all(this.#shown().map(async (metric) => metric.get()))
    const defaults = Object.entries(this.#defaultLabels)
    if (defaults.length === 0) return all
    for (const { values } of all as { values?: MetricValue[] }[]) {
      for (const sample of values ?? []) {
        // A copy, as several samples may have one object.
        const labels: Record<string, string | number | undefined> = { ...sample.labels }
        for (const [name, value] of defaults) labels[name] ||= value
        sample.labels = labels
      }
    }
    return all
  }

  /** Removes a metric, as {@link clear} removes all. */
  removeSingleMetric(name: string): void {
    const metric = this.#metrics.get(name)
    this.#metrics.delete(name)
    metric?.leave?.()
  }

  /** Returns the text of one metric. */
  getSingleMetricAsString(name: string): Promise<string> {
    return this.getMetricsAsString(this.#metrics.get(name) as RegisteredMetric)
  }

  /** Returns a metric that this thread has registered. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- prom-client's type
  getSingleMetric<M extends RegisteredMetric = RegisteredMetric>(name: string): M | undefined {
    return this.#metrics.get(name) as M | undefined
  }

  /** Sets labels that every sample without a label of the name gets. */
  setDefaultLabels(labels: object): void {
    this.#defaultLabels = labels as Record<string, string | number>
  }

  /** Resets all metrics of this registry. */
  resetMetrics(): void {
    for (const metric of this.#metrics.values()) metric.reset?.()
  }

  /** The content type of {@link metrics}. */
  get contentType(): BoundRegistryContentType {
    return this.#contentType as BoundRegistryContentType
  }

  /** Sets the content type. @throws Error if it is neither of the two. */
  setContentType(contentType: RegistryContentType): void {
    if (!isContentType(contentType)) {
      throw new Error(`Content type ${contentType as string} is unsupported`)
    }
    this.#contentType = contentType
  }

  /** Returns a new registry with the metrics of all `registers`. @throws Error if content types differ or a name is in two. */
  static merge(registers: readonly Registry<RegistryContentType>[]): Registry<RegistryContentType> {
    const type = registers[0]?.contentType ?? PROMETHEUS
    if (registers.some(({ contentType }) => contentType !== type)) {
      throw new Error('Registers can only be merged if they have the same content type')
    }
    const merged = new Registry<RegistryContentType>(type)
    for (const metric of registers.flatMap((one) => one.getMetricsAsArray())) merged.registerMetric(metric)
    return merged
  }
}

/** The default registry. All threads of the process share its metrics. */
export const globalRegistry: Registry<RegistryContentType> = new Registry<RegistryContentType>().share('')
