/**
 * Goes through the records of a ring without an object and without a bigint for each of them: for exports of millions.
 *
 * @module
 */
import type { Clock } from '../../inspect/clock.js'
import { RecordFrame, type RingPiece, viewOf } from '../../inspect/record-frame.js'

const WORD = 2 ** 32
/** Distances up to here are exact in a number. */
const FAR = 2 ** 52

/** Converts stamps one after the other, in words of 32 bits: without a bigint for each. */
class TimeWords {
  /** The words of the time that {@link read} has computed. */
  high = 0
  low = 0
  readonly #clock: Clock
  readonly #isTicks: boolean
  /** The stretch of the last stamp, in words, and up to which distances it goes. */
  #stamp = { high: 0, low: 0 }
  #time = { high: 0, low: 0 }
  #rate = 1
  #from = 0
  #to = 0

  constructor(clock: Clock, isTicks: boolean) {
    this.#clock = clock
    this.#isTicks = isTicks
  }

  /**
   * Computes the time of a stamp; where that is unknown, the stamp itself; 0 if that is negative.
   *
   * @param high - the upper 32 bits, signed; `low` are the lower 32 bits, unsigned.
   */
  read(high: number, low: number): void {
    const distance = (high - this.#stamp.high) * WORD + (low - this.#stamp.low)
    if (!(distance > this.#from && distance < this.#to)) {
      this.#readFar(high, low)
      return
    }
    const sum = this.#time.low + Math.round(distance * this.#rate)
    const carry = Math.floor(sum / WORD)
    this.low = sum - carry * WORD
    this.high = this.#time.high + carry
    if (this.high < 0 || this.high >= WORD / 2) this.#readFar(high, low)
  }

  #readFar(high: number, low: number): void {
    const stamp = (BigInt(high) << 32n) | BigInt(low)
    const time = (this.#isTicks ? this.#clock.ofTicks(stamp) : this.#clock.ofMonotonic(stamp)) ?? stamp
    const shown = time < 0n ? 0n : time
    this.high = Number(shown >> 32n)
    this.low = Number(shown & 0xffffffffn)
    const stretch = this.#clock.near(stamp, this.#isTicks)
    if (stretch === null) return
    const words = (of: bigint): { high: number; low: number } => ({
      high: Number(of >> 32n),
      low: Number(of & 0xffffffffn),
    })
    this.#stamp = words(stretch.stamp)
    this.#time = words(stretch.time)
    this.#rate = stretch.rate
    const far = FAR / Math.max(1, stretch.rate)
    this.#from = Math.max(-far, Number(stretch.from - stretch.stamp))
    this.#to = Math.min(far, Number(stretch.to - stretch.stamp))
  }
}

/** Shows the records of one CPU's pieces, one after the other, with their times. */
export class RecordCursor extends RecordFrame {
  /** The bytes in which the record is. */
  bytes: Buffer = Buffer.alloc(0)
  view = viewOf(this.bytes)
  /** Nanoseconds since 1970, in two words of 32 bits: never before those of the record before. */
  high = 0
  low = 0
  #starts: Int32Array = new Int32Array(0)
  #left = 0
  readonly #ticks: TimeWords
  readonly #nanoseconds: TimeWords

  constructor(clock: Clock, areTicks: boolean) {
    super()
    this.#nanoseconds = new TimeWords(clock, false)
    this.#ticks = areTicks ? new TimeWords(clock, true) : this.#nanoseconds
  }

  /** Goes before the first record of a piece. */
  begin({ bytes, starts, count }: RingPiece): void {
    this.bytes = bytes
    this.view = viewOf(bytes)
    this.#starts = starts
    this.#left = count
  }

  /** Goes to the next record of the piece. Returns false behind the last. */
  next(): boolean {
    if (this.#left === 0) return false
    const { view } = this
    this.read(view, this.#starts[--this.#left] as number)
    const times = this.hasOwnTime ? this.#nanoseconds : this.#ticks
    times.read(view.getInt32(this.stampAt + 4, true), view.getUint32(this.stampAt, true))
    if (times.high > this.high || (times.high === this.high && times.low > this.low)) {
      this.high = times.high
      this.low = times.low
    }
    return true
  }
}
