import type { OpenRegion } from './backend.js'
import { checkInteger } from './errors.js'
import { unitStride, unitsAfterWords } from './layout.js'

/** The memory of a region's units as arrays of bytes: each is made when it is first asked for, and kept. */
export class UnitViews {
  readonly #buffer: SharedArrayBuffer
  readonly #argument: string
  readonly #count: number
  readonly #size: number
  readonly #first: number
  readonly #views: (Uint8Array | undefined)[]

  /** @param argument - what an error calls a unit's number, such as "block". */
  constructor(buffer: SharedArrayBuffer, region: OpenRegion, argument: string) {
    this.#buffer = buffer
    this.#argument = argument
    this.#count = region.arena.units
    this.#size = region.arena.unitSize
    this.#first = region.firstWord + unitsAfterWords(this.#count)
    this.#views = new Array<Uint8Array | undefined>(this.#count)
  }

  /** @throws TypeError, RangeError if there is no such unit. */
  of(unit: number): Uint8Array {
    const view = typeof unit === 'number' ? this.#views[unit] : undefined
    return view ?? this.#make(unit)
  }

  #make(unit: number): Uint8Array {
    checkInteger(this.#argument, unit, 0, this.#count - 1)
    const view = new Uint8Array(this.#buffer, this.#first + unit * unitStride(this.#size), this.#size)
    this.#views[unit] = view
    return view
  }
}
