/**
 * The layouts of the metrics of a schema: where each metric is in memory of any number of processes.
 *
 * @module
 */
import { type Buckets, makeBuckets } from './buckets.js'
import type { OpenMetric, Opened } from './internals.js'
import { LabelTable } from './label-table.js'
import { type MetricPlan, type Plan, planFor } from './layout.js'
import type { MetricSpec } from './schema.js'
import type { ReadableStore } from './store.js'

/** The layouts of the metrics of a definition. */
export interface Layouts {
  /** The layout for so many processes; 0 in memory of one process. */
  planFor(processes: number): Plan
  open<Memory extends ReadableStore>(store: Memory, plan: Plan): Opened<Memory>
}

function openMetric(
  plan: MetricPlan,
  buckets: Buckets | null,
  { buffer, hashKey }: ReadableStore,
): OpenMetric {
  const isLabelled = plan.spec.labels.length > 0
  const table = isLabelled ? new LabelTable(buffer, plan.table, plan.tableSize, hashKey) : null
  return { plan, buckets, table }
}

/** Returns the layouts of checked metrics. */
export function layoutsOf(specs: readonly MetricSpec[]): Layouts {
  const buckets = specs.map((spec) => (spec.buckets === null ? null : makeBuckets(spec.buckets)))
  const counts = buckets.map((one) => (one === null ? 0 : one.bounds.length + 1))
  return {
    planFor: (processes) => planFor(specs, counts, processes),
    open: (store, { metrics }) => ({
      store,
      metrics: metrics.map((plan, k) => openMetric(plan, buckets[k] ?? null, store)),
    }),
  }
}
