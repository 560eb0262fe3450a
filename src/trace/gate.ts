/**
 * Decides in one thread whether an event is recorded, if its switch says more than on or off.
 *
 * @module
 */
import { cpuId } from '../thread/cpu.js'
import { type Control, isWithinRate } from './controls.js'
import type { FieldEncoder } from './encoder.js'
import type { OpenControls } from './events-memory.js'
import { passesFilter } from './filter.js'

/** What a thread knows of an event's switch. */
export class Gate {
  readonly #controls: OpenControls
  readonly #id: number
  readonly #fields: readonly FieldEncoder[]
  #word = 0
  /** What `#word` says: a copy in this thread's own memory, which was checked. */
  #control: Control | undefined
  #rates: Uint32Array | undefined
  #calls = 0

  constructor(controls: OpenControls, id: number, fields: readonly FieldEncoder[]) {
    this.#controls = controls
    this.#id = id
    this.#fields = fields
  }

  /**
   * Whether an event with these values is recorded. O(terms of the filter).
   *
   * @param word - the switch, as the caller has loaded it.
   */
  passes(word: number, values: readonly unknown[]): boolean {
    if (word !== this.#word || this.#control === undefined) {
      // While another process writes the block, there is no control, and the next event looks again.
      this.#control = this.#controls.controlOf(this.#id)
      this.#word = word
    }
    const control = this.#control
    if (control === undefined) return false
    const { terms, sample, perSecond } = control
    if (terms.length > 0 && !passesFilter(terms, this.#fields, values)) return false
    if (sample > 1 && ++this.#calls % sample !== 0) return false
    if (perSecond === 0) return sample !== 0
    this.#rates ??= this.#controls.rateWords(this.#id)
    return isWithinRate(this.#rates, cpuId(), perSecond, Date.now())
  }
}
