/**
 * The memory of series, as one thread has it open.
 *
 * @module
 */
import { Counters } from '../counter/counters.js'
import { Kind } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { LabelTable, type TableSize, slotsFor } from '../metrics/label-table.js'
import { UNSPEAKABLE } from '../metrics/schema.js'
import { openRegion } from '../runtime/region.js'
import { hashKeyOf, planOfWords } from '../series/layout.js'
import type { ServiceMembers } from './service-memory.js'

/** A part of a buffer. */
export interface Place {
  readonly buffer: SharedArrayBuffer
  readonly offset: number
}

function openCounters({ buffer, offset }: Place): Counters {
  return new Counters(openRegion(buffer, Kind.counters, offset))
}

/** All numbers at one time, by their slots. */
export interface Totals {
  readonly counts: Float64Array
  readonly sums: Float64Array
}

/** The memory of series, open in this thread. */
export class SeriesMemory {
  readonly counts: Counters
  readonly sums: Counters
  readonly countsHandle: Handle
  readonly sumsHandle: Handle
  readonly states: Int32Array
  readonly specials: Float64Array
  /** The processes that share the memory; null if it is that of this process alone. */
  readonly service: ServiceMembers | null
  readonly #table: LabelTable
  #totals: Totals | undefined
  /** The decoded key of each slot that this thread has seen. Keys never change. */
  readonly #known: (readonly string[] | undefined)[] = []

  constructor(
    counts: Place,
    sums: Place,
    words: Place,
    size: TableSize,
    service: ServiceMembers | null = null,
  ) {
    const slots = slotsFor(size.series)
    const { buffer, offset } = words
    this.counts = openCounters(counts)
    this.sums = openCounters(sums)
    this.countsHandle = this.counts.region.handle
    this.sumsHandle = this.sums.region.handle
    const { specials, states } = planOfWords(size)
    this.specials = new Float64Array(buffer, offset + specials, slots)
    this.states = new Int32Array(buffer, offset + states, slots)
    this.service = service
    const [low = 0, high = 0] = hashKeyOf(buffer, offset, size)
    this.#table = new LabelTable(buffer, offset, size, [low, high])
  }

  /** Returns the slot of a key, and makes it if it does not exist; -1 if there is no room for it. O(1) on average. */
  slotOf(key: readonly string[]): number {
    return this.#table.find(key.map((text) => text.replace(UNSPEAKABLE, '\ufffd')))
  }

  /** Reads all numbers, by two calls of native code, into arrays that the next call overwrites. O(room for series). */
  totals(): Totals {
    const { length } = this.states
    const { counts, sums } = (this.#totals ??= {
      counts: new Float64Array(length),
      sums: new Float64Array(length),
    })
    this.counts.snapshot(counts)
    this.sums.snapshot(sums)
    return this.#totals
  }

  /** The number of slots in use. A slot is in use just before it is counted here. */
  get published(): number {
    return this.#table.published
  }

  /** Yields the key of each slot in use. O(room for series). */
  *keys(): Generator<[slot: number, key: readonly string[]]> {
    const { slots } = this.#table
    for (let slot = 0; slot < slots; slot++) {
      const key = (this.#known[slot] ??= this.#table.textsOf(slot) ?? undefined)
      if (key !== undefined) yield [slot, key]
    }
  }

  /** Makes the value of a slot 0 and hides it. A concurrent update comes before that, or shows the series again. */
  clear(slot: number): void {
    Atomics.store(this.states, slot, 0)
    this.specials[slot] = 0
    this.counts.set(slot, 0)
    this.sums.set(slot, 0)
  }
}
