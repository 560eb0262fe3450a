import { checkOpen, dispose, own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import type { Counters } from './counters.js'
import { BATCH_ENTRY_BYTES, SUMS_AT_ONCE } from '../core/layout.js'
import type { Handle } from '../core/operations.js'

/** Bytes of one addition: its entry, and a double for a wide delta. */
const BYTES_PER_ADDITION = Float64Array.BYTES_PER_ELEMENT + BATCH_ENTRY_BYTES

/** What only some batches have. */
interface Extras {
  /** The f64 counters that entries with `SECOND_REGION` add to. */
  readonly second: Counters | undefined
  /** Number of counters that have a sum. */
  readonly summed: number
}

/** The memory of a batch, open for native code as long as this object lives. */
export class BatchMemory {
  /** Pairs of element and 32-bit delta. */
  readonly pairs: Int32Array
  /** Deltas that are not 32-bit integers, at the positions of their entries. */
  readonly wide: Float64Array
  /** The sum of each counter that has one. */
  readonly sums: Int32Array
  readonly handle: Handle

  /**
   * @param counters - the counters to add to.
   * @param capacity - the most entries.
   * @throws Error if too many batches are open.
   */
  constructor(counters: Counters, capacity: number, { second, summed }: Extras) {
    const room = Math.ceil(summed / SUMS_AT_ONCE) * SUMS_AT_ONCE
    const memory = new ArrayBuffer(capacity * BYTES_PER_ADDITION + room * Int32Array.BYTES_PER_ELEMENT)
    this.wide = new Float64Array(memory, 0, capacity)
    this.pairs = new Int32Array(memory, this.wide.byteLength, 2 * capacity)
    this.sums = new Int32Array(memory, capacity * BYTES_PER_ADDITION, summed)
    const batch = backend.openBatch(counters.region.handle, memory, capacity, second?.region.handle, summed)
    checkOpen(counters.region)
    if (batch === null)
      throw new Error('rseq: too many batches are open in this process; make one and keep it')
    this.handle = own(this, batch).handle
  }

  /** Closes the handle. */
  close(): void {
    dispose(this)
  }
}
