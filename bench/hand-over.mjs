// One worker takes blocks out of a pool and passes their numbers to another worker, which gives the blocks back.

/** The most blocks that are taken and not yet given back. */
const SLOTS = 4096
/**
 * A thread publishes its position only after this many blocks, and wakes the other thread only after WOKEN_EVERY, so that the
 * hand-over costs little compared with the pool.
 */
const TOLD_EVERY = 128
const WOKEN_EVERY = 1024
/** The longest wait for the other thread, in milliseconds: it may have ended its slice, and then wakes nobody. */
const PATIENCE_MS = 1
const WORD_STRIDE = 32 // The words that two threads write are two cache lines apart.

export const HAND_OVER_BYTES = 4 * 2 * WORD_STRIDE + 2 * SLOTS

/** One end of a ring of block numbers: the end of the thread that takes blocks, or of the thread that gives them back. */
export class HandOver {
  #pool
  #positions
  #slots
  #isTaker
  #mine
  #theirs
  /** How many slots this thread may be ahead of the other thread's position. */
  #ahead
  /** The position of this thread. Positions count up without end, modulo 2**32. */
  #at = 0

  constructor(buffer, pool, isTaker) {
    this.#pool = pool
    this.#positions = new Int32Array(buffer, 0, 2 * WORD_STRIDE)
    // The shortest type that holds a block's number, so that few bytes move between CPUs that the pool does not move.
    this.#slots = new Uint16Array(buffer, 4 * 2 * WORD_STRIDE, SLOTS)
    this.#isTaker = isTaker
    this.#mine = isTaker ? 0 : WORD_STRIDE
    this.#theirs = isTaker ? WORD_STRIDE : 0
    this.#ahead = isTaker ? SLOTS : 0
  }

  /**
   * Takes or gives back up to `n` blocks, as far as the ring has room or numbers, and returns how many. Sleeps for a moment if
   * it can do nothing.
   */
  run(n) {
    let done = 0
    while (done < n) {
      const theirs = Atomics.load(this.#positions, this.#theirs)
      const ready = (theirs + this.#ahead - this.#at) | 0
      if (ready === 0) {
        Atomics.wait(this.#positions, this.#theirs, theirs, PATIENCE_MS)
        break
      }
      const count = Math.min(ready, n - done, TOLD_EVERY - (this.#at % TOLD_EVERY))
      this.#act(this.#pool, this.#slots, this.#at & (SLOTS - 1), count)
      this.#at = (this.#at + count) | 0
      done += count
      if (this.#at % TOLD_EVERY === 0) Atomics.store(this.#positions, this.#mine, this.#at)
      if (this.#at % WOKEN_EVERY === 0) Atomics.notify(this.#positions, this.#mine)
    }
    return done
  }

  #act(pool, slots, first, count) {
    if (this.#isTaker) for (let k = first; k < first + count; k++) slots[k] = pool.alloc()
    else for (let k = first; k < first + count; k++) pool.free(slots[k])
  }
}
