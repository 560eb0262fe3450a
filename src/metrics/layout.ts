/**
 * Computes the layout of a buffer of metrics from the schema, up to the region of i64. The offset of the f64 region also depends on
 * the number of shards, so the buffer's header contains it; opening the buffer checks it.
 *
 *     0        64
 *     +--------+-------------+---------+--------------+--------+---------------+---------------+
 *     | header | schema text | columns | label tables | states | region of i64 | region of f64 |
 *     +--------+-------------+---------+--------------+--------+---------------+---------------+
 *
 * Only memory that processes share has columns and states. There, each series of a gauge has a counter for each column
 * ({@link ProcessColumns}), and a byte of `states`, which is not 0 if the process of the column has updated that counter.
 *
 * @module
 */
import { TextEncoder } from 'node:util'
import { type TableSize, mostKeyBytes, slotsFor, tableBytes } from './label-table.js'
import type { MetricSpec } from './schema.js'
import { textOf } from './schema-text.js'

export { METRICS_MAGIC } from '../core/layout.js'
export const METRICS_VERSION = 4
export const HEADER_BYTES = 64

/** The positions of the header's words in a Uint32Array. */
export const HeaderWord = {
  magic: 0,
  version: 1,
  hash: 2,
  textBytes: 3,
  key: 4,
  doubles: 5,
  secondKey: 6,
  // The number of columns; 0 in memory of one process.
  processes: 7,
  // A double of two words: when the metrics were made, in milliseconds since 1970.
  created: 8,
} as const

const ALIGNMENT = 128
/** What is allocated on tmpfs is used memory, so in memory of processes there is room for label sets of this size on average. */
const SHARED_LABEL_BYTES = 96

/** The positions of a metric's counters and of its label table. */
export interface MetricPlan {
  readonly spec: MetricSpec
  // The number of series, including the overflow series, which is the last. A metric without labels has 1 series.
  readonly series: number
  // The number of counters that each series has in the region of i64.
  readonly wholeStride: number
  // The index of the first series' first counter in the region of i64.
  readonly wholeBase: number
  // The number of counters that each series has in the region of f64.
  readonly doubleStride: number
  // The index of the first series' first counter in the region of f64.
  readonly doubleBase: number
  // The byte offset of the label table.
  readonly table: number
  readonly tableSize: TableSize
  // The index of the first series' first state; -1 if the metric has no states.
  readonly stateBase: number
}

/** The layout of a buffer up to its region of i64. All offsets are in bytes. No machine's CPUs change it. */
export interface Plan {
  readonly metrics: readonly MetricPlan[]
  // A readable text of the schema. Two texts are equal only if their schemas are equal.
  readonly text: string
  readonly textBytes: Uint8Array
  // The number of columns; 0 in memory of one process.
  readonly processes: number
  // The offset of the columns.
  readonly columns: number
  // The offset of the states, and how many there are.
  readonly states: number
  readonly stateCount: number
  // The offset of the region of i64.
  readonly whole: number
  // The number of counters in the region of i64.
  readonly wholes: number
  // The number of counters in the region of f64.
  readonly doubles: number
}

/** Returns where a part of a buffer begins that follows `offset` bytes. */
export function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT
}

/** Returns how many counters each series needs: [in the region of i64, in the region of f64]. */
function countersOf(
  { kind, type, buckets }: MetricSpec,
  bucketCount: number,
  processes: number,
): [number, number] {
  if (kind === 'histogram' && buckets !== null) return [bucketCount, 1]
  const counters = kind === 'gauge' && processes > 0 ? processes : 1
  return type === 'i64' ? [counters, 0] : [0, counters]
}

/**
 * Computes the layout of a buffer for checked metrics.
 *
 * @param bucketCounts - for each metric, the number of buckets of one series; 0 if it is no histogram.
 * @param processes - the number of columns; 0 in memory of one process.
 */
export function planFor(specs: readonly MetricSpec[], bucketCounts: readonly number[], processes = 0): Plan {
  const text = textOf(specs, processes > 0)
  const textBytes = new TextEncoder().encode(text)
  const columns = align(HEADER_BYTES + textBytes.length)
  let offset = align(columns + processes * Int32Array.BYTES_PER_ELEMENT)
  let [wholes, doubles, stateCount] = [0, 0, 0]
  const metrics = specs.map((spec, k): MetricPlan => {
    const isLabelled = spec.labels.length > 0
    const series = isLabelled ? slotsFor(spec.series) + 1 : 1
    const [wholeStride, doubleStride] = countersOf(spec, bucketCounts[k] as number, processes)
    const keyBytes = mostKeyBytes(spec.labels, spec.labelBytes)
    const averageBytes = processes > 0 ? Math.min(keyBytes, SHARED_LABEL_BYTES) : keyBytes
    const tableSize = { series: spec.series, keyBytes, averageBytes }
    const hasStates = processes > 0 && spec.kind === 'gauge'
    const plan = {
      spec,
      series,
      wholeStride,
      wholeBase: wholes,
      doubleStride,
      doubleBase: doubles,
      table: offset,
      tableSize,
      stateBase: hasStates ? stateCount : -1,
    }
    wholes += series * wholeStride
    doubles += series * doubleStride
    if (hasStates) stateCount += series * processes
    if (isLabelled) offset += tableBytes(tableSize)
    return plan
  })
  const states = align(offset)
  const whole = align(states + stateCount)
  ;[wholes, doubles] = [Math.max(1, wholes), Math.max(1, doubles)]
  return {
    ...{ metrics, text, textBytes, processes, columns, states, stateCount },
    ...{ whole, wholes, doubles },
  }
}
