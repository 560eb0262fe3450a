/**
 * Metrics of a service on worker threads: counters, gauges and histograms with labels, in one piece of
 * shared memory.
 *
 * @packageDocumentation
 */
export { Counter, Gauge, Histogram, type HistogramValue, type Instrument } from './instruments.js'
export { Labelled } from './labelled.js'
export { MetricsBatch } from './batch.js'
export type { ExpositionFormat, MetricsHandler } from './exposition.js'
export type { OpenTelemetryMeterProvider } from './opentelemetry.js'
export { type ObserveOptions, type ProcessMetrics, observeProcess, processMetrics } from './process.js'
export type { PromRegistry } from './prom-client.js'
export type { TextFormat } from './text.js'
export { type Metrics, MetricsCore, MetricsDefinition, defineMetrics } from './metrics.js'
export type {
  CounterMetricOptions,
  ExponentialOptions,
  GaugeMetricOptions,
  HistogramMetricOptions,
  LabelValue,
  LabelsOf,
  LabelsOption,
  MetricOptions,
  MetricsSchema,
} from './schema.js'
