/**
 * Computes the layout of a buffer of metrics from the schema. The offset of the f64 region also depends on the number of
 * shards, so the buffer's header contains it; opening the buffer checks it.
 *
 *     0        64
 *     +--------+-------------+--------------+------------------+-------------------+
 *     | header | schema text | label tables | region of i64    | region of f64     |
 *     +--------+-------------+--------------+------------------+-------------------+
 *
 * @module
 */
import { newRegionSize } from '../runtime/region.js'
import { type TableSize, mostKeyBytes, slotsFor, tableBytes } from './label-table.js'
import type { MetricSpec } from './schema.js'

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
  /** A double of two words: when the metrics were made, in milliseconds since 1970. */
  created: 8,
} as const

const ALIGNMENT = 128

/** The positions of a metric's counters and of its label table. */
export interface MetricPlan {
  readonly spec: MetricSpec
  /** The number of series, including the overflow series, which is the last. A metric without labels has 1 series. */
  readonly series: number
  /** The number of counters that each series has in the region of i64. */
  readonly wholeStride: number
  /** The index of the first series' first counter in the region of i64. */
  readonly wholeBase: number
  /** The number of counters that each series has in the region of f64. */
  readonly doubleStride: number
  /** The index of the first series' first counter in the region of f64. */
  readonly doubleBase: number
  /** The byte offset of the label table. */
  readonly table: number
  readonly tableSize: TableSize
}

/** The layout of a whole buffer. All offsets are in bytes. */
export interface Plan {
  readonly metrics: readonly MetricPlan[]
  /** A readable text of the schema. Two texts are equal only if their schemas are equal. */
  readonly text: string
  readonly textBytes: Uint8Array
  /** The offset of the region of i64. */
  readonly whole: number
  /** The number of counters in the region of i64. */
  readonly wholes: number
  /** The number of counters in the region of f64. */
  readonly doubles: number
  readonly byteLength: number
  /** The offset of the region of f64. */
  readonly doublesOffset: number
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT
}

/** Returns how many counters each series needs: [in the region of i64, in the region of f64]. */
function countersOf({ kind, type, buckets }: MetricSpec, bucketCount: number): [number, number] {
  if (kind === 'histogram' && buckets !== null) return [bucketCount, 1]
  return type === 'i64' ? [1, 0] : [0, 1]
}

/** Returns one line for each metric. Threads can share a buffer only if their schemas have equal lines. */
function textOf(specs: readonly MetricSpec[]): string {
  return specs
    .map((spec) => JSON.stringify({ ...spec, help: undefined, unit: undefined, absentAtZero: undefined }))
    .join('\n')
}

/**
 * Computes the layout of a buffer for checked metrics.
 *
 * @param bucketCounts - for each metric, the number of buckets of one series; 0 if it is no histogram.
 */
export function planFor(specs: readonly MetricSpec[], bucketCounts: readonly number[]): Plan {
  const text = textOf(specs)
  const textBytes = new TextEncoder().encode(text)
  let offset = align(HEADER_BYTES + textBytes.length)
  let [wholes, doubles] = [0, 0]
  const metrics = specs.map((spec, k): MetricPlan => {
    const isLabelled = spec.labels.length > 0
    const series = isLabelled ? slotsFor(spec.series) + 1 : 1
    const [wholeStride, doubleStride] = countersOf(spec, bucketCounts[k] as number)
    const tableSize = { series: spec.series, keyBytes: mostKeyBytes(spec.labels, spec.labelBytes) }
    const plan = {
      spec,
      series,
      wholeStride,
      wholeBase: wholes,
      doubleStride,
      doubleBase: doubles,
      table: offset,
      tableSize,
    }
    wholes += series * wholeStride
    doubles += series * doubleStride
    if (isLabelled) offset += tableBytes(tableSize)
    return plan
  })
  const whole = align(offset)
  ;[wholes, doubles] = [Math.max(1, wholes), Math.max(1, doubles)]
  const doublesOffset = align(whole + newRegionSize(wholes))
  return {
    ...{ metrics, text, textBytes, whole, wholes, doubles, doublesOffset },
    byteLength: doublesOffset + newRegionSize(doubles, 'f64'),
  }
}
