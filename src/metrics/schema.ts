/**
 * What a service declares of its metrics: the types that users write, and the checked form that
 * everything else works on.
 *
 * @module
 */
import type { ElementName } from '../layout.js'

/** A label's value. `200`, `'200'` and the like are one and the same value. */
export type LabelValue = string | number | boolean

/** Label names; or for each name the values that it can have, or `'any'`. */
export type LabelsOption = readonly string[] | Readonly<Record<string, readonly LabelValue[] | 'any'>>

/** What all kinds of metrics have. */
export interface MetricOptions {
  /** As it is exposed: letters, digits, `_` and `:`. By default the key in the schema. */
  name?: string
  /** What it counts, in a sentence. */
  help: string
  labels?: LabelsOption
  /**
   * Label sets that fit, at least. By default all there are where every label's values are known, else
   * 1000. Label sets that come later are counted together, in the series whose labels are all
   * `__overflow__`.
   */
  series?: number
  /** Bytes of label values to expect in a series on average: 64. */
  labelBytes?: number
}

export interface CounterMetricOptions extends MetricOptions {
  /** `i64` (the default) counts whole numbers exactly; `f64` any, with a double's rounding. */
  type?: ElementName
}

export interface GaugeMetricOptions extends MetricOptions {
  /** `f64` (the default) holds any number, `i64` whole ones. */
  type?: ElementName
}

/** Buckets whose bounds grow by a factor of 2 ** (2 ** -schema): Prometheus's native histograms. */
export interface ExponentialOptions {
  /** 0 (a factor of 2) to 8 (0.3 % from one bound to the next); 3, a factor of 1.09, is usual. */
  schema: number
  /** Smaller values count as this one: Prometheus's zero threshold. Above 0. */
  least: number
  /** Larger ones are counted, but in no bucket. */
  most: number
}

export interface HistogramMetricOptions extends MetricOptions {
  /** Upper bounds of classic buckets, ascending, without +Inf. Those of prom-client by default. */
  buckets?: readonly number[]
  /** Exponential buckets in place of classic ones. */
  exponential?: ExponentialOptions
}

/** All metrics of a service, by the names that its program gives them. */
export interface MetricsSchema {
  counters?: Readonly<Record<string, CounterMetricOptions>>
  gauges?: Readonly<Record<string, GaugeMetricOptions>>
  histograms?: Readonly<Record<string, HistogramMetricOptions>>
}

/** What `labels()` takes for a metric declared so; `never` for one without labels. */
export type LabelsOf<Options> = Options extends { labels: infer Labels }
  ? Labels extends readonly (infer Name extends string)[]
    ? Readonly<Record<Name, LabelValue>>
    : { readonly [Name in keyof Labels]: Labels[Name] extends readonly (infer Value)[] ? Value : LabelValue }
  : never

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface LabelSpec {
  readonly name: string
  /** As text. */
  readonly known: readonly string[] | null
}

export type BucketsSpec =
  | { readonly bounds: readonly number[] }
  | { readonly schema: number; readonly least: number; readonly most: number }

/** A metric, checked, with nothing left to defaults. */
export interface MetricSpec {
  readonly key: string
  readonly kind: MetricKind
  readonly name: string
  readonly help: string
  readonly type: ElementName
  readonly labels: readonly LabelSpec[]
  readonly series: number
  readonly labelBytes: number
  /** Of a histogram. */
  readonly buckets: BucketsSpec | null
}

/** The labels of the series that takes what has no series of its own. */
export const OVERFLOW = '__overflow__'
