/**
 * The schema of a service's metrics: the types that users write, and the checked form that all other modules use.
 *
 * @module
 */
import type { ElementName } from '../core/layout.js'
import type { Aggregator } from './aggregator.js'

/** The value of a label. Values with equal texts, such as `200` and `'200'`, are one value. */
export type LabelValue = string | number | boolean

/** The labels of a metric: an array of names; or an object that gives, for each name, its possible values or `'any'`. */
export type LabelsOption = readonly string[] | Readonly<Record<string, readonly LabelValue[] | 'any'>>

/** The options that every kind of metric has. */
export interface MetricOptions {
  /**
   * The exposed name, by default the key in the schema. Letters, digits, `_` and `:`, without a digit at the beginning, are
   * shown unchanged by all formats. Any other text, such as `http.server.duration`, is shown unchanged to readers that ask
   * for UTF-8 names, as Prometheus 3 does, and with `_` in place of its other characters to readers that do not.
   */
  name?: string
  /** The help text: a sentence that says what the metric counts. */
  help: string
  /**
   * The unit of the values: for OpenTelemetry a UCUM code such as `s` or `By`; OpenMetrics shows it only if the name ends with
   * `_` and the unit, as in `duration_seconds`. By default the metric has none.
   */
  unit?: string
  /** The labels of the metric; by default it has none. Their names can be any text, as that of the metric can. */
  labels?: LabelsOption
  /**
   * Whether all formats leave out series whose value is 0. Use it for a metric that is never 0 once a thread measures it: the
   * metric is then absent until a thread measures it. False by default: a metric without labels, and one whose label
   * values are all known, then shows 0 from the start.
   */
  absentAtZero?: boolean
  /**
   * The number of label sets for which the metric has room: 1 to 2**20, for histograms 1 to 2**16. By default the number of
   * possible label sets if the values of all labels are known, otherwise 1000. Further label sets are counted together in
   * the series whose labels are all `__overflow__`.
   */
  series?: number
  /**
   * The size of the longest label set that gets its own series: the bytes that its values take together in UTF-8, without
   * those of labels with known values. 1 to 4096, by default 512. A quotation mark or a backslash counts as 2 bytes, a
   * control character as up to 6. Longer label sets are counted in the `__overflow__` series. The metric reserves address
   * space for `series` label sets of this size; unused address space takes no memory.
   */
  labelBytes?: number
}

/** The options of a counter. */
export interface CounterMetricOptions extends MetricOptions {
  /** `i64` (the default) counts whole numbers exactly; `f64` counts any finite numbers, with the rounding of doubles. */
  type?: ElementName
}

/** The options of a gauge. */
export interface GaugeMetricOptions extends MetricOptions {
  /**
   * How readers combine the values of processes that share the metrics; `sum` by default. `first` is the process with the least
   * column, `omit` the one that is asked, and `process` shows each one, with the label `process`.
   */
  aggregator?: Aggregator
  /** `f64` (the default) holds any finite number; `i64` holds whole numbers only. */
  type?: ElementName
}

/** Exponential buckets, as in Prometheus's native histograms: each bound is 2 ** (2 ** -schema) times the one below it. */
export interface ExponentialOptions {
  /** 0 (a factor of 2) to 8 (0.3 % from one bound to the next); 3, a factor of 1.09, is usual. */
  schema: number
  /** A number above 0, Prometheus's zero threshold. Values up to the bound at or above it share one bucket. */
  least: number
  /** A number above `least`. Larger values are included in the count and the sum, but in no exposed bucket. */
  most: number
}

/** The options of a histogram. */
export interface HistogramMetricOptions extends MetricOptions {
  /** The upper bounds of classic buckets, in ascending order and without +Inf. By default those of prom-client. */
  buckets?: readonly number[]
  /** Exponential buckets, instead of `buckets`. */
  exponential?: ExponentialOptions
}

/** All metrics of a service, by the names that its program gives them. */
export interface MetricsSchema {
  /** The counters, by key. */
  counters?: Readonly<Record<string, CounterMetricOptions>>
  /** The gauges, by key. */
  gauges?: Readonly<Record<string, GaugeMetricOptions>>
  /** The histograms, by key. */
  histograms?: Readonly<Record<string, HistogramMetricOptions>>
}

/** The argument of `labels()` for a metric with these options; `never` for a metric without labels. */
export type LabelsOf<Options> = Options extends {
  /** The labels that the schema declares. */
  labels: infer Labels
}
  ? Labels extends readonly (infer Name extends string)[]
    ? Readonly<Record<Name, LabelValue>>
    : { readonly [Name in keyof Labels]: Labels[Name] extends readonly (infer Value)[] ? Value : LabelValue }
  : never

/** The kind of a metric. */
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** A checked label. */
export interface LabelSpec {
  readonly name: string
  /** The possible values as text; null if the label can have any value. */
  readonly known: readonly string[] | null
}

/** Checked buckets: the bounds of classic buckets, or the options of exponential ones. */
export type BucketsSpec =
  | { readonly bounds: readonly number[] }
  | { readonly schema: number; readonly least: number; readonly most: number }

/** A checked metric, with all defaults filled in. */
export interface MetricSpec {
  readonly key: string
  readonly kind: MetricKind
  readonly name: string
  readonly help: string
  /** The empty text if the metric has none. */
  readonly unit: string
  readonly type: ElementName
  readonly labels: readonly LabelSpec[]
  readonly absentAtZero: boolean
  readonly aggregator: Aggregator
  readonly series: number
  readonly labelBytes: number
  /** Null if the metric is no histogram. */
  readonly buckets: BucketsSpec | null
}

/** The value of all labels of the overflow series, which counts the label sets that have no series of their own. */
export const OVERFLOW = '__overflow__'

/**
 * The characters that no format can express in a label value: Prometheus's text ends at U+0000, and UTF-8 has no encoding of
 * an unpaired surrogate.
 */
export const UNSPEAKABLE = /[\u0000\p{Surrogate}]/gu
