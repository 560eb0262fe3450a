// One worker takes blocks out of a pool and hands their numbers over, another one gives them back.

/** As many as are on the way at most. */
const SLOTS = 4096
/** What the handing over costs is not the pool's: the other thread is told now and then, and woken more seldom. */
const TOLD_EVERY = 128
const WOKEN_EVERY = 1024
/** The other one may have come to the end of its slice. */
const PATIENCE_MS = 1
const WORD_STRIDE = 32 // Words between those that two threads write: two cache lines.

export const HAND_OVER_BYTES = 4 * 2 * WORD_STRIDE + 2 * SLOTS

/** A ring of numbers between two threads, open in one of them: the one that takes blocks, or the one that gives back. */
export class HandOver {
  #pool
  #positions
  #slots
  #isTaker
  #mine
  #theirs
  /** How many slots ahead of the other thread's position this one may go. */
  #ahead
  /** Positions count for ever, modulo 2**32. */
  #at = 0

  constructor(buffer, pool, isTaker) {
    this.#pool = pool
    this.#positions = new Int32Array(buffer, 0, 2 * WORD_STRIDE)
    // The shortest that a number of a block fits in: what moves between the CPUs for it is not the pool's either.
    this.#slots = new Uint16Array(buffer, 4 * 2 * WORD_STRIDE, SLOTS)
    this.#isTaker = isTaker
    this.#mine = isTaker ? 0 : WORD_STRIDE
    this.#theirs = isTaker ? WORD_STRIDE : 0
    this.#ahead = isTaker ? SLOTS : 0
  }

  /** Takes or gives back up to `n` blocks, as far as there is room or there are some. Sleeps if there is nothing to do. */
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
