/**
 * What an open set of metrics consists of, for the modules that read it.
 *
 * @module
 */
import type { Buckets } from './buckets.js'
import type { LabelTable } from './label-table.js'
import type { MetricPlan } from './layout.js'
import type { Store } from './store.js'

/** A metric as it is read: what is declared of it, and where it is. */
export interface OpenMetric {
  readonly plan: MetricPlan
  readonly buckets: Buckets | null
  /** Null of a metric without labels. */
  readonly table: LabelTable | null
}

export interface Internals {
  readonly store: Store
  readonly metrics: readonly OpenMetric[]
}
