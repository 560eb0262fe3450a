/**
 * Metrics of a service with worker threads: counters, gauges and histograms with labels. All threads update them in one
 * SharedArrayBuffer.
 *
 * @module rseq/metrics
 */
export { Counter, Gauge, Histogram, type HistogramValue, type Instrument } from './instruments.js'
export { Labelled } from './labelled.js'
export {
  type MapMetrics,
  type MapMetricsSchema,
  type ObserveMapOptions,
  mapMetrics,
  observeMap,
} from './maps.js'
export { MetricsBatch } from './batch.js'
export type { MetricsHandler } from './exposition.js'
export { type NativeSeries, nativeSeries } from './native-series.js'
export type { NameEscaping } from './names.js'
export type { ExpositionFormat } from './negotiation.js'
export type { OpenTelemetryMeterProvider } from './opentelemetry.js'
export {
  type OpenTelemetryCollection,
  OpenTelemetryProducer,
  type OpenTelemetryProducerOptions,
  type Temporality,
} from './opentelemetry-producer.js'
export {
  type ObserveOptions,
  type ProcessMetrics,
  type ProcessMetricsSchema,
  observeProcess,
  processMetrics,
} from './process.js'
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
