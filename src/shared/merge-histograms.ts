/**
 * Merges the histograms of several files.
 *
 * @module
 */
import type { HdrRange } from '../core/hdr-buckets.js'
import { HistogramWord, histogramContent } from '../core/histogram-layout.js'
import { PerCpuHistogram } from '../histogram/histogram.js'
import { HistogramSnapshot } from '../histogram/snapshot.js'
import type { FileTotals } from '../inspect/index.js'

/** Returns what all of the histograms have recorded, in buckets of the given range. */
export function mergeHistograms(files: readonly FileTotals[], options: Partial<HdrRange>): HistogramSnapshot {
  const merged = new PerCpuHistogram(options)
  try {
    for (const { totals, histogram } of files) {
      if (histogram === null) continue
      const { header, buckets } = histogram
      const [leastPlus1 = 0n, most = 0n] = [header[HistogramWord.leastPlus1], header[HistogramWord.most]]
      const content = histogramContent(buckets, Float64Array.from(totals, Number), leastPlus1, most)
      merged.merge(new HistogramSnapshot({ buckets, ...content }))
    }
    return merged.snapshot()
  } finally {
    merged[Symbol.dispose]()
  }
}
