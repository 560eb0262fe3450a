/**
 * The progress bar: the main thread reads the shared counters while the workers go on adding to them.
 *
 * @module
 */
import { Presets, SingleBar } from 'cli-progress'
import type { PerCpuCounterArray } from 'rseq'
import { bytesText } from '../text.js'
import { Element } from './job.js'

/** Milliseconds between two readings of the counters. */
const INTERVAL = 100

/** The columns of the line that the bar does not take. */
const BESIDE_BAR = 50

function barWidth(columns: number): number {
  return Math.min(40, Math.max(8, columns - BESIDE_BAR))
}

/** Shows the progress of `counters` if standard error is a terminal. Returns a function that ends the display. */
export function showProgress(counters: PerCpuCounterArray, files: number): () => void {
  if (!process.stderr.isTTY) return () => undefined
  const bar = new SingleBar(
    {
      format: '  {bar} {percentage} %  {value} of {total} files, {amount}',
      barsize: barWidth(process.stderr.columns),
      // If the cursor were hidden, an interrupted command could not show it again.
      hideCursor: false,
      linewrap: true,
      clearOnComplete: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  )
  const totals = new Float64Array(counters.length)
  const look = (): [value: number, text: object] => {
    counters.snapshot(totals)
    return [totals[Element.files] ?? 0, { amount: bytesText(totals[Element.bytes] ?? 0) }]
  }
  bar.start(files, ...look())
  const timer = setInterval(() => {
    bar.update(...look())
  }, INTERVAL)
  return () => {
    clearInterval(timer)
    bar.update(...look())
    bar.stop()
  }
}
