/**
 * The exact totals of counters and histograms in a file.
 *
 * @module
 */
import type { HdrBuckets } from '../core/hdr-buckets.js'
import { HistogramCounter, HistogramWord } from '../core/histogram-layout.js'
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

const MOST = BigInt(Number.MAX_SAFE_INTEGER)

/** Counts of values only grow, so no histogram has others. @throws Unreadable if something was overwritten. */
function checkHistogram(totals: BigInt64Array | Float64Array, header: BigInt64Array): void {
  const isCount = (value: bigint | number | undefined): boolean =>
    value !== undefined && value >= 0n && value <= MOST
  const counts = [...totals.subarray(HistogramCounter.first)]
  const wrong = counts.find((count) => !isCount(count))
  if (wrong !== undefined) throw new Unreadable(`has a bucket with ${wrong} values, so it was overwritten`)
  if (!isCount(counts.reduce((sum: number, count) => sum + Number(count), 0)))
    throw new Unreadable('has more values than there can be, so it was overwritten')
  for (const word of [HistogramWord.leastPlus1, HistogramWord.most]) {
    const limit = header[word]
    if (!isCount(limit)) throw new Unreadable(`has the value ${limit} as a limit, so it was overwritten`)
  }
}

/** Reads the totals of counters, or of a histogram. @throws Unreadable if the file holds something else, or is damaged. */
export function readTotals(file: FileView): FileTotals {
  const header = histogramHeader(file)
  if (header !== undefined) {
    const buckets = histogramBuckets(header)
    const region = openHistogramRegion((base) => openRegionView(file, base), buckets)
    const totals = sumShards(region)
    checkHistogram(totals, header)
    return { totals, histogram: { header, buckets }, shards: region.shards }
  }
  const region = openRegionView(file)
  if (region.kind !== Kind.counters) throw new Unreadable('holds something else than counters')
  return { totals: sumShards(region), histogram: null, shards: region.shards }
}
