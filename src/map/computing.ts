/**
 * Who computes the value of which key: `fetch` computes each value once, in whichever thread or process.
 *
 * A thread that computes has the mutex of a seat, and puts a mark into the map: an entry with the key, whose value is the number
 * of the seat and how often the seat was taken. A mark is valid while the mutex is held: who ends, however, gives it back. So
 * another thread that finds a mark asks for the mutex of its seat; if it can have it, the mark is of nobody.
 *
 * @module
 */
import { SeatWord, seatPosition } from '../core/map-layout.js'
import type { MapMutexes } from './mutexes.js'

/** A seat, and the number of times it had been taken when it was. */
export interface Mark {
  readonly seat: number
  readonly generation: number
}

/** A mark that is never valid. */
export const NOBODY: Mark = { seat: -1, generation: 0 }

/** The seat of one thread while it computes. */
export class Seat {
  readonly #words: Int32Array
  readonly #mutexes: MapMutexes
  readonly #seats: number
  #mark: Mark | undefined
  /** How many computations are going on. */
  #computations = 0

  constructor(words: Int32Array, mutexes: MapMutexes, seats: number) {
    this.#words = words
    this.#mutexes = mutexes
    this.#seats = seats
  }

  /** Begins a computation. Returns undefined if so many threads compute that no seat is left. */
  begin(): Mark | undefined {
    this.#mark ??= this.#take()
    if (this.#mark !== undefined) this.#computations++
    return this.#mark
  }

  /** Ends a computation. */
  end(): void {
    if (--this.#computations === 0) this.leave()
  }

  /** Gives the seat back: marks of computations that go on are of nobody from here on. */
  leave(): void {
    if (this.#mark === undefined) return
    this.#mutexes.unlock(seatPosition(this.#mark.seat) + SeatWord.mutex)
    this.#mark = undefined
  }

  #take(): Mark | undefined {
    for (let seat = 0; seat < this.#seats; seat++) {
      const position = seatPosition(seat)
      if (!this.#mutexes.tryLock(position + SeatWord.mutex)) continue
      return { seat, generation: (Atomics.add(this.#words, position + SeatWord.generation, 1) + 1) | 0 }
    }
    return undefined
  }

  /** Whether the thread that made a mark goes on to compute. Any two numbers may be a mark. */
  isValid({ seat, generation }: Mark): boolean {
    if (seat < 0 || seat >= this.#seats) return false
    const position = seatPosition(seat)
    if (Atomics.load(this.#words, position + SeatWord.generation) !== generation) return false
    if (seat === this.#mark?.seat) return true
    if (!this.#mutexes.tryLock(position + SeatWord.mutex)) return true
    this.#mutexes.unlock(position + SeatWord.mutex)
    return false
  }
}
