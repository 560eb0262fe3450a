/**
 * What a snapshot says about the metrics of `rseq/prom-client`, beside what it says about every object.
 *
 * @module
 */

/** The content of a file with metrics. If a service has several, their series are counted with the one that was made last. */
export interface MetricsFileContent {
  readonly content: 'metrics'
  /** Number of metrics that are shown. */
  readonly metrics: number
  /** Number of their series. */
  readonly series: number
}

/**
 * A series of a metric. The object's `name` is that of the metric with its labels, `kind` the metric's type, `file` the name of the file, a
 * space and `name`. `total` is the value or, of histograms and summaries, the number of observations.
 */
export interface MetricContent {
  readonly content: 'metric'
  /** The name of the metric. */
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  readonly help: string
  /** The sum of the observations of a histogram or summary; null for others, and if it is not finite. */
  readonly sum: number | null
}
