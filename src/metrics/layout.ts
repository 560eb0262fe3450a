/**
 * Where everything is in a buffer of metrics: computed from the schema. The one exception is where the
 * region of f64 begins, which depends on the number of shards; opening it checks that.
 *
 *     0        64
 *     +--------+-------------+--------------+-------+------------------+-------------------+
 *     | header | schema text | label tables | arena | region of i64    | region of f64     |
 *     +--------+-------------+--------------+-------+------------------+-------------------+
 *
 * @module
 */
import { newRegionSize } from '../region.js'
import { arenaBytesFor, slotsFor } from './label-table.js'
import type { MetricSpec } from './schema.js'

export const METRICS_MAGIC = 0x4d515352
export const METRICS_VERSION = 1
export const HEADER_BYTES = 64

/** Words of the header, as positions in a Uint32Array. */
export const HeaderWord = { magic: 0, version: 1, hash: 2, textBytes: 3, seed: 4, doubles: 5 } as const

const ALIGNMENT = 128

/** Where a metric's counters and its label table are. */
export interface MetricPlan {
  readonly spec: MetricSpec
  /** Series there are, with the overflow series, which is the last; 1 of a metric without labels. */
  readonly series: number
  /** Counters of each series in the region of i64, and the first of the first series. */
  readonly wholeStride: number
  readonly wholeBase: number
  /** The same in the region of f64. */
  readonly doubleStride: number
  readonly doubleBase: number
  /** Byte offset of the label table. */
  readonly table: number
}

export interface Plan {
  readonly metrics: readonly MetricPlan[]
  /** Readable, and the same for equal schemas only. */
  readonly text: string
  readonly textBytes: Uint8Array
  readonly arena: number
  readonly arenaBytes: number
  readonly whole: number
  readonly wholes: number
  readonly doubles: number
  readonly byteLength: number
  readonly doublesOffset: number
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT
}

/** Counters that a series needs: [i64, f64]. */
function countersOf({ kind, type, buckets }: MetricSpec, bucketCount: number): [number, number] {
  if (kind === 'histogram' && buckets !== null) return [bucketCount, 1]
  return type === 'i64' ? [1, 0] : [0, 1]
}

/** One line for each metric: what two schemas must have in common to share a buffer. */
function textOf(specs: readonly MetricSpec[]): string {
  return specs.map((spec) => JSON.stringify({ ...spec, help: undefined })).join('\n')
}

/** @param bucketCounts - for each metric the buckets that a series of it has. */
export function planFor(specs: readonly MetricSpec[], bucketCounts: readonly number[]): Plan {
  const text = textOf(specs)
  const textBytes = new TextEncoder().encode(text)
  let offset = align(HEADER_BYTES + textBytes.length)
  let [wholes, doubles, arenaBytes] = [0, 0, 0]
  const metrics = specs.map((spec, k): MetricPlan => {
    const isLabelled = spec.labels.length > 0
    const series = isLabelled ? slotsFor(spec.series) + 1 : 1
    const [wholeStride, doubleStride] = countersOf(spec, bucketCounts[k] as number)
    const plan = {
      spec,
      series,
      wholeStride,
      wholeBase: wholes,
      doubleStride,
      doubleBase: doubles,
      table: offset,
    }
    wholes += series * wholeStride
    doubles += series * doubleStride
    if (isLabelled) {
      offset += 4 * series
      arenaBytes += arenaBytesFor(spec.series, spec.labelBytes)
    }
    return plan
  })
  const arena = align(offset)
  const whole = align(arena + arenaBytes)
  ;[wholes, doubles] = [Math.max(1, wholes), Math.max(1, doubles)]
  const doublesOffset = align(whole + newRegionSize(wholes))
  return {
    ...{ metrics, text, textBytes, arena, arenaBytes, whole, wholes, doubles, doublesOffset },
    byteLength: doublesOffset + newRegionSize(doubles),
  }
}
