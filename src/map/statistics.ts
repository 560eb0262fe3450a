/**
 * What the threads of a map count together.
 *
 * @module
 */
import { STATISTICS, type Statistic, readStatistics, statisticsOf } from '../core/map-layout.js'

/** A thread adds its counts to those of all after so many lookups. */
const EVERY = 256

/**
 * The counts of one thread that are not yet in the map's own. A lookup counts in private memory, because a counter that all
 * threads write would cost it more than all else.
 */
export class Statistics {
  readonly #totals: BigInt64Array
  #hits = 0
  #misses = 0

  constructor(buffer: SharedArrayBuffer) {
    this.#totals = statisticsOf(buffer)
  }

  hit(): void {
    if (++this.#hits === EVERY) this.flush()
  }

  miss(): void {
    if (++this.#misses === EVERY) this.flush()
  }

  add(which: Statistic): void {
    this.#add(which, 1)
  }

  #add(which: Statistic, count: number): void {
    Atomics.add(this.#totals, STATISTICS.indexOf(which), BigInt(count))
  }

  /** Adds the hits and misses of this thread to those of all. */
  flush(): void {
    const [hits, misses] = [this.#hits, this.#misses]
    this.#hits = 0
    this.#misses = 0
    if (hits !== 0) this.#add('hits', hits)
    if (misses !== 0) this.#add('misses', misses)
  }

  /** The counts of all threads, those of others up to their last flush. */
  totals(): Record<Statistic, number> {
    this.flush()
    return readStatistics(this.#totals)
  }
}
