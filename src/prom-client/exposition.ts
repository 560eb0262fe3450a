/**
 * What one exposition reads once for all metrics.
 *
 * @module
 */
import { memory } from './memory.js'
import type { Totals } from './series-memory.js'

/** A metric with fewer series reads the number of each. */
const LEAST_SERIES = 200

/** One exposition of a registry. */
export class Exposition {
  #totals: Totals | undefined

  constructor() {
    memory.service?.look()
  }

  /**
   * All numbers of the shared memory, read after this object was made; null if it is not worth reading all of them for a metric
   * with so many series.
   */
  totalsFor(series: number): Totals | null {
    return series < LEAST_SERIES ? null : (this.#totals ??= memory.totals())
  }
}
