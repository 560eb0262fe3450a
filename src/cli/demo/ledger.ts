/**
 * What those who count note beside the counter, so that its total can be judged when they are dead: how many additions each has begun,
 * and how many it has done. The two differ by one at most: the addition at which it was killed.
 *
 * @module
 */

/** Words between those of two seats: they share no cache line. */
const STRIDE = 8
const BEGUN = 0
const CONFIRMED = 1

/** Whether a total is right, and what it was compared with. */
export interface Verdict {
  readonly total: number
  /** Additions that were noted as done: the least that the total may be. */
  readonly confirmed: number
  /** Additions at which somebody was killed: each was made or not. The total may exceed `confirmed` by so many. */
  readonly inFlight: number
  readonly exact: boolean
}

/** Judges a total, when nobody counts any more. */
export function judge(total: number, { begun, confirmed }: Sums): Verdict {
  return { total, confirmed, inFlight: begun - confirmed, exact: total >= confirmed && total <= begun }
}

/** Sums over all seats. */
export interface Sums {
  readonly begun: number
  readonly confirmed: number
}

/** Bytes of a ledger with so many seats. */
export function ledgerBytes(seats: number): number {
  return (seats + 1) * STRIDE * Float64Array.BYTES_PER_ELEMENT
}

/** Notes in memory that those who count share. One at a time has a seat; the next one there goes on with its notes. */
export class Ledger {
  readonly #words: Float64Array
  readonly #seats: number

  constructor(buffer: SharedArrayBuffer, seats: number) {
    this.#words = new Float64Array(buffer)
    this.#seats = seats
  }

  /** What all have noted. Exact when none of them runs. */
  sums(): Sums {
    let [begun, confirmed] = [0, 0]
    for (let seat = 0; seat < this.#seats; seat++) {
      begun += this.#words[seat * STRIDE + BEGUN] ?? 0
      confirmed += this.#words[seat * STRIDE + CONFIRMED] ?? 0
    }
    return { begun, confirmed }
  }

  /** The control: one word to which all add by a load and a store. */
  get plain(): number {
    return this.#words[this.#seats * STRIDE] ?? 0
  }

  /**
   * Adds 1 so many times, notes each addition before and after it, and adds to the control.
   *
   * @param add - adds 1 to the counter.
   */
  addMany(add: () => void, seat: number, times: number): void {
    const words = this.#words
    const begun = seat * STRIDE + BEGUN
    const confirmed = seat * STRIDE + CONFIRMED
    const plain = this.#seats * STRIDE
    // A killed predecessor may have left one addition that was made or not: that one stays in flight.
    let [first, second] = [words[begun] ?? 0, words[confirmed] ?? 0]
    for (let i = 0; i < times; i++) {
      words[begun] = ++first
      add()
      words[confirmed] = ++second
      words[plain] = (words[plain] ?? 0) + 1
    }
  }
}
