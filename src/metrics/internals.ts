/**
 * The parts of an open set of metrics, for the modules that read it.
 *
 * @module
 */
import type { Buckets } from './buckets.js'
import type { LabelTable } from './label-table.js'
import type { MetricPlan } from './layout.js'
import type { ReadableStore, Store } from './store.js'

/** An open metric: its declaration, its position in the buffer, its buckets and its label table. */
export interface OpenMetric {
  readonly plan: MetricPlan
  // Null if the metric is no histogram.
  readonly buckets: Buckets | null
  // Null if the metric has no labels.
  readonly table: LabelTable | null
}

/** An open set of metrics, for readers. */
export interface Opened<Memory extends ReadableStore = ReadableStore> {
  readonly store: Memory
  readonly metrics: readonly OpenMetric[]
}

/** An open set of metrics, in a thread that updates them. */
export interface Internals extends Opened<Store> {
  // Opens the other generations of memory that processes share.
  readonly others: () => readonly Internals[]
}

/** Metrics whose other generations are not read. */
export function alone(opened: Opened<Store>): Internals {
  return { ...opened, others: () => [] }
}
