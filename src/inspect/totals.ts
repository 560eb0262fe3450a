/**
 * The exact totals of counters and histograms in a file.
 *
 * @module
 */
import type { HdrBuckets } from '../core/hdr-buckets.js'
import { Element, Kind } from '../core/layout.js'
import { eachCounter, histogramBuckets, histogramHeader, openHistogramRegion } from './content.js'
import { type FileView, Unreadable } from './file.js'
import { type RegionView, openRegionView } from './region.js'

const WORD = 8

/** The totals of the counters of a file, over its shards. */
export interface FileTotals {
  /** Integers wrap at 64 bits, as additions to the counters do. */
  readonly totals: BigInt64Array | Float64Array
  /** The header and the buckets of a histogram; null if the file holds plain counters. */
  readonly histogram: { readonly header: BigInt64Array; readonly buckets: HdrBuckets } | null
  /** The number of the file's shards, without the overflow shard. */
  readonly shards: number
}

function sumShards(region: RegionView): BigInt64Array | Float64Array {
  const { length, element } = region
  if (element === Element.i64) {
    const sums = new BigInt64Array(length)
    const valueAt = (view: DataView, word: number): bigint => view.getBigInt64(WORD * word, true)
    eachCounter(region, valueAt, (_, i, value) => {
      sums[i] = (sums[i] as bigint) + value
    })
    return sums
  }
  const sums = new Float64Array(length)
  const valueAt = (view: DataView, word: number): number => view.getFloat64(WORD * word, true)
  eachCounter(region, valueAt, (_, i, value) => {
    sums[i] = (sums[i] as number) + value
  })
  return sums
}

/** Reads the totals of counters, or of a histogram. @throws Unreadable if the file holds something else, or is damaged. */
export function readTotals(file: FileView): FileTotals {
  const header = histogramHeader(file)
  if (header !== undefined) {
    const buckets = histogramBuckets(header)
    const region = openHistogramRegion((base) => openRegionView(file, base), buckets)
    return { totals: sumShards(region), histogram: { header, buckets }, shards: region.shards }
  }
  const region = openRegionView(file)
  if (region.kind !== Kind.counters) throw new Unreadable('holds something else than counters')
  return { totals: sumShards(region), histogram: null, shards: region.shards }
}
