/**
 * A series of a gauge in memory that processes share: each process has a value, and readers combine those of the living ones.
 *
 * @module
 */
import { type Aggregator, combine } from '../metrics/aggregator.js'
import { columnPart } from '../series/keys.js'
import { LIVE } from '../series/layout.js'
import { type Cell, LocalCell, SharedGaugeCell } from './cells.js'
import { slotsByColumn } from './index-of-series.js'
import { memory } from './memory.js'

/** The values of a series of a gauge: that of this process, and those of others. */
export class ProcessGaugeCell implements Cell {
  readonly #keyOf: (part: string) => readonly string[]
  readonly #aggregator: Aggregator
  readonly #warn: () => void
  #own: Cell | undefined

  /**
   * @param keyOf - returns the key of the series with a part.
   * @param warn - is called if there is no room: then this process has its value for itself.
   */
  constructor(keyOf: (part: string) => readonly string[], aggregator: Aggregator, warn: () => void) {
    this.#keyOf = keyOf
    this.#aggregator = aggregator
    this.#warn = warn
  }

  /** The number of this process. It takes a slot when it is first used. */
  get own(): Cell {
    return (this.#own ??= this.#makeOwn())
  }

  #makeOwn(): Cell {
    const slot = memory.slotOf(this.#keyOf(columnPart(memory.service?.own ?? 0)))
    if (slot !== -1) return new SharedGaugeCell(slot)
    this.#warn()
    return new LocalCell()
  }

  /** The values of the processes that lived when {@link ServiceMembers.look} was last called, by their columns. */
  values(): [column: number, value: number][] {
    const { service, states } = memory
    if (service === null) return []
    const slots = slotsByColumn(this.#keyOf(''))
    const found: [number, number][] = []
    for (const column of service.living) {
      if (column === service.own && this.#own !== undefined) {
        if (this.#own.isShown) found.push([column, this.#own.value])
        continue
      }
      const slot = slots.get(column)
      if (slot !== undefined && states[slot] === LIVE) found.push([column, new SharedGaugeCell(slot).value])
    }
    return found
  }

  get isForgotten(): boolean {
    return false
  }

  get isShown(): boolean {
    return this.#aggregator === 'omit' ? this.own.isShown : this.values().length > 0
  }

  get value(): number {
    if (this.#aggregator === 'omit') return this.own.value
    return combine(
      this.#aggregator,
      this.values().map(([, value]) => value),
    )
  }

  add(delta: number): void {
    this.own.add(delta)
  }

  set(value: number): void {
    this.own.set(value)
  }

  show(): void {
    this.own.show()
  }

  /** Removes the value of this process. */
  remove(): void {
    this.#own?.remove()
  }
}
