/**
 * The interface of prom-client 15, over memory that all threads of the process share: `import client from 'rseq/prom-client'`
 * in place of `import client from 'prom-client'`.
 *
 * Metrics of the default registry are one metric for all threads: each thread registers it by the same name, updates it by
 * restartable sequences, and every thread's exposition shows the totals. What a terminated Worker has counted stays. A
 * metric with `shared: false`, and those of other registries unless `share()` was called, belong to their thread.
 *
 * @module rseq/prom-client
 */
import { aggregators } from './aggregators.js'
import { AggregatorRegistry } from './cluster.js'
import { Counter } from './counter.js'
import { collectDefaultMetrics } from './default-metrics.js'
import { Gauge } from './gauge.js'
import { Histogram, exponentialBuckets, linearBuckets } from './histogram.js'
import { validateMetricName } from './labels.js'
import { shareMemory } from './memory.js'
import { Pushgateway } from './push-gateway.js'
import {
  OPENMETRICS,
  PROMETHEUS,
  type RegisteredMetric,
  type RegistryContentType,
  Registry,
  globalRegistry,
  setReader,
} from './registry.js'
import type { SharedMetric } from '../series/keys.js'
import type { SharedOptions } from '../shared/index.js'
import { Summary } from './summary.js'

/** Makes a metric without registries that shows what other threads count. */
function readerOf({
  scope,
  name,
  type,
  help,
  labelNames,
  buckets,
  aggregator,
}: SharedMetric): RegisteredMetric {
  const config = { name, help, labelNames, aggregator, registers: [] }
  switch (type) {
    case 'histogram':
      return new Histogram({ ...config, buckets: buckets ?? [] }, scope)
    case 'summary':
      return new Summary({ ...config, percentiles: [] }, scope)
    case 'gauge':
      return new Gauge(config, scope)
    default:
      return new Counter(config, scope)
  }
}

setReader(readerOf)

/**
 * Lets all processes that call it with the same name share the metrics of the default registry, and of registries on which
 * `share()` was called: metrics of one name are one metric for all of them. The environment variable RSEQ_SHARE does the same.
 * prom-client has no such function.
 *
 * The series are in a file of the service `name` of `rseq/shared`. What a process counted in counters, histograms and summaries
 * stays, however the process ends. A gauge has a value for each living process; its aggregator says how they are combined.
 *
 * Call it in each process before the first metric is made, and before a Worker is started.
 *
 * @param options - the options of `openShared`.
 * @throws Error if a metric was made already, or if the process shares with another service; the errors of `openShared`.
 */
export function share(name: string, options: SharedOptions = {}): void {
  shareMemory(name, options)
}

/** The default registry. */
export const register = globalRegistry
/** The content type of Prometheus's text format. */
export const prometheusContentType = PROMETHEUS
/** The content type of OpenMetrics. */
export const openMetricsContentType = OPENMETRICS

/** The members of the default export: all exports of this module, by prom-client's names. */
export interface Client {
  /** The default registry. */
  readonly register: typeof register
  /** See {@link Registry}. */
  readonly Registry: typeof Registry
  /** See {@link AggregatorRegistry}. */
  readonly AggregatorRegistry: typeof AggregatorRegistry
  /** See {@link aggregators}. */
  readonly aggregators: typeof aggregators
  /** See {@link Counter}. */
  readonly Counter: typeof Counter
  /** See {@link Gauge}. */
  readonly Gauge: typeof Gauge
  /** See {@link Histogram}. */
  readonly Histogram: typeof Histogram
  /** See {@link Summary}. */
  readonly Summary: typeof Summary
  /** See {@link Pushgateway}. */
  readonly Pushgateway: typeof Pushgateway
  /** See {@link collectDefaultMetrics}. */
  readonly collectDefaultMetrics: typeof collectDefaultMetrics
  /** See {@link exponentialBuckets}. */
  readonly exponentialBuckets: typeof exponentialBuckets
  /** See {@link linearBuckets}. */
  readonly linearBuckets: typeof linearBuckets
  /** See {@link validateMetricName}. */
  readonly validateMetricName: typeof validateMetricName
  /** The content type of Prometheus's text format. */
  readonly prometheusContentType: typeof prometheusContentType
  /** The content type of OpenMetrics. */
  readonly openMetricsContentType: typeof openMetricsContentType
  /** See {@link share}. */
  readonly share: typeof share
  /** The content type of the default registry; assign to it to choose the other one. */
  contentType: RegistryContentType
}

/** Everything that prom-client's default export has. */
const client: Client = {
  ...{ register, Registry, AggregatorRegistry, aggregators, Counter, Gauge, Histogram, Summary, Pushgateway },
  ...{ collectDefaultMetrics, exponentialBuckets, linearBuckets, validateMetricName },
  ...{ prometheusContentType, openMetricsContentType, share },
  get contentType() {
    return globalRegistry.contentType
  },
  set contentType(contentType) {
    globalRegistry.setContentType(contentType)
  },
}

export default client
export {
  AggregatorRegistry,
  Counter,
  Gauge,
  Histogram,
  Pushgateway,
  Registry,
  Summary,
  aggregators,
  collectDefaultMetrics,
  exponentialBuckets,
  linearBuckets,
  validateMetricName,
}
export { AggregatorFactory, type AggregateMetrics } from './aggregators.js'
export type { Aggregator } from '../metrics/aggregator.js'
export type { CounterChild, CounterConfiguration, IncreaseDataWithExemplar } from './counter.js'
export type { DefaultMetricsCollectorConfiguration } from './default-metrics.js'
export type { GaugeChild, GaugeConfiguration } from './gauge.js'
export type { HistogramChild, HistogramConfiguration, ObserveDataWithExemplar } from './histogram.js'
export type { LabelValues } from './labels.js'
export type { MetricConfiguration } from './metric.js'
export type { PushgatewayOptions, PushgatewayParameters, PushgatewayResult } from './push-gateway.js'
export type {
  Exemplar,
  MetricObjectWithValues,
  MetricValue,
  RegisteredMetric,
  RegistryContentType,
} from './registry.js'
export type { SummaryChild, SummaryConfiguration } from './summary.js'
