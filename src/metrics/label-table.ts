/**
 * Which series a set of labels has: a hash table in shared memory, the same for all threads.
 *
 * A label set is written into an arena first and then published by one compare-and-exchange on a slot
 * of the table; the slot's number is the series. So nothing is ever locked: a thread that is
 * terminated in the middle leaves some bytes of the arena unused, and nothing else. Slots are
 * published once and never change.
 *
 * Every byte may be overwritten by whoever has the buffer: then label sets get wrong or no series,
 * and nothing worse happens.
 *
 * @module
 */

const NONE = 0
/** Words of a record before its bytes: hash and length. */
const RECORD_WORDS = 2
const WORD_BYTES = 4
/** The longest label set, as JSON in UTF-8, that gets a series of its own. */
const MOST_KEY_BYTES = 4096
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Slots of a table that takes `series` label sets without getting crowded. */
export function slotsFor(series: number): number {
  return series + Math.ceil(series / 4) + 8
}

/** Bytes of an arena for as many label sets with that many bytes of values each. */
export function arenaBytesFor(series: number, labelBytes: number): number {
  return (series + 8) * (RECORD_WORDS * WORD_BYTES + Math.ceil(labelBytes / WORD_BYTES) * WORD_BYTES)
}

/** FNV-1a. The seed, of the buffer's own, keeps strangers from choosing label values that collide. */
function hashOf(bytes: Uint8Array, seed: number): number {
  let hash = FNV_OFFSET ^ seed
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME)
  // The low bits choose the slot: let the others have a say.
  return (hash ^ (hash >>> 15)) >>> 0
}

/** Memory for label sets, given out from its beginning and never taken back. Word 0 says how much is. */
export class Arena {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  /** A record that lost its race, to be used again: where it is, and its words. */
  #spare = { record: NONE, words: 0 }

  constructor(buffer: SharedArrayBuffer, offset: number, byteLength: number) {
    this.#words = new Int32Array(buffer, offset, byteLength / WORD_BYTES)
    this.#bytes = new Uint8Array(buffer, offset, byteLength)
  }

  /** Writes a record that is still nobody's, and returns its number; {@link NONE} if it does not fit. */
  write(hash: number, key: Uint8Array): number {
    const words = RECORD_WORDS + Math.ceil(key.length / WORD_BYTES)
    const record = this.#allocate(words)
    if (record === NONE) return NONE
    this.#words[record] = hash
    this.#words[record + 1] = key.length
    this.#bytes.set(key, (record + RECORD_WORDS) * WORD_BYTES)
    return record
  }

  /** Gives back what {@link write} returned and nobody has seen. */
  discard(record: number): void {
    const words = RECORD_WORDS + Math.ceil((this.#words[record + 1] as number) / WORD_BYTES)
    if (words > this.#spare.words) this.#spare = { record, words }
  }

  #allocate(words: number): number {
    if (words <= this.#spare.words) {
      const { record } = this.#spare
      this.#spare = { record: NONE, words: 0 }
      return record
    }
    const { length } = this.#words
    const most = length - words - 1
    const used = Atomics.load(this.#words, 0)
    // Asked before it is added to, so that attempts on a full arena do not add up.
    if (used < 0 || used > most) return NONE
    const taken = Atomics.add(this.#words, 0, words)
    return taken < 0 || taken > most ? NONE : taken + 1
  }

  /** The bytes of a record; null if there is none. */
  #keyOf(record: number): Uint8Array | null {
    const { length } = this.#words
    if (record < 1 || record > length - RECORD_WORDS) return null
    const bytes = this.#words[record + 1] as number
    const start = (record + RECORD_WORDS) * WORD_BYTES
    if (bytes < 0 || bytes > length * WORD_BYTES - start) return null
    return this.#bytes.subarray(start, start + bytes)
  }

  isRecordOf(record: number, hash: number, key: Uint8Array): boolean {
    if (record < 1 || this.#words[record] !== (hash | 0)) return false
    const held = this.#keyOf(record)
    return held !== null && held.length === key.length && held.every((byte, k) => byte === key[k])
  }

  /** The label values of a record; null if it holds something else. */
  valuesOf(record: number): readonly string[] | null {
    const key = this.#keyOf(record)
    try {
      // A copy: decoders take no shared memory.
      const values: unknown = key === null ? null : JSON.parse(decoder.decode(key.slice()))
      return Array.isArray(values) && values.every((value) => typeof value === 'string') ? values : null
    } catch {
      return null
    }
  }
}

/** The label sets of one metric. */
export class LabelTable {
  /** Word 0 counts the label sets; the others are the slots. */
  readonly #words: Int32Array
  readonly #series: number
  readonly #arena: Arena
  readonly #seed: number

  /** @param series - how many label sets may be published; a few more where threads race. */
  constructor(buffer: SharedArrayBuffer, offset: number, series: number, arena: Arena, seed: number) {
    this.#words = new Int32Array(buffer, offset, 1 + slotsFor(series))
    this.#series = series
    this.#arena = arena
    this.#seed = seed
  }

  get slots(): number {
    return this.#words.length - 1
  }

  /** The series of these label values, a new one if need be; -1 if there is no more room. */
  find(values: readonly string[]): number {
    const key = encoder.encode(JSON.stringify(values))
    const hash = hashOf(key, this.#seed)
    const { slots } = this
    let own = NONE
    for (let probe = 0; probe < slots; probe++) {
      const slot = (hash + probe) % slots
      let record = Atomics.load(this.#words, 1 + slot)
      if (record === NONE) {
        if (own === NONE) own = this.#newRecord(hash, key)
        if (own === NONE) return -1
        record = Atomics.compareExchange(this.#words, 1 + slot, NONE, own)
        if (record === NONE) {
          Atomics.add(this.#words, 0, 1)
          return slot
        }
      }
      if (this.#arena.isRecordOf(record, hash, key)) {
        if (own !== NONE) this.#arena.discard(own)
        return slot
      }
    }
    if (own !== NONE) this.#arena.discard(own)
    return -1
  }

  #newRecord(hash: number, key: Uint8Array): number {
    if (Atomics.load(this.#words, 0) >= this.#series || key.length > MOST_KEY_BYTES) return NONE
    return this.#arena.write(hash, key)
  }

  /** The label values of a series; null where there is none, or not these many. */
  valuesOf(series: number, count: number): readonly string[] | null {
    const record = Atomics.load(this.#words, 1 + series)
    const values = record === NONE ? null : this.#arena.valuesOf(record)
    return values?.length === count ? values : null
  }
}
