import type { OpenRegion } from '../core/contract.js'
import { checkInteger, disposedError } from '../core/errors.js'
import { type Kind, unitStride, unitsAfterWords } from '../core/layout.js'

/** Views of the units of a region as Uint8Arrays. Each view is made at its first use and kept. */
export class UnitViews {
  readonly #buffer: SharedArrayBuffer
  readonly #argument: string
  readonly #count: number
  readonly #size: number
  readonly #first: number
  /** Empty after {@link close}, so that the usual path needs no check. */
  #views: (Uint8Array | undefined)[]
  #isClosed = false

  /** @param argument - the name of a unit's number in errors, such as "block". */
  constructor(buffer: SharedArrayBuffer, region: OpenRegion, kind: Kind, argument: string) {
    this.#buffer = buffer
    this.#argument = argument
    this.#count = region.arena.units
    this.#size = region.arena.unitSize
    this.#first = region.firstWord + unitsAfterWords(kind, region.arena)
    this.#views = new Array<Uint8Array | undefined>(this.#count)
  }

  /** Forgets all views. */
  close(): void {
    this.#views = []
    this.#isClosed = true
  }

  /** @throws TypeError, RangeError if the unit does not exist; Error after {@link close}. */
  of(unit: number): Uint8Array {
    const view = typeof unit === 'number' ? this.#views[unit] : undefined
    return view ?? this.#make(unit)
  }

  #make(unit: number): Uint8Array {
    if (this.#isClosed) throw disposedError()
    checkInteger(this.#argument, unit, 0, this.#count - 1)
    const view = new Uint8Array(this.#buffer, this.#first + unit * unitStride(this.#size), this.#size)
    this.#views[unit] = view
    return view
  }
}
