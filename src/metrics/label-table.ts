/**
 * Maps label sets to series. Each metric has a hash table in shared memory, which all threads use.
 *
 *     words:  | count | slots: numbers of records | used | records: hash, length, label values |
 *
 * A thread first writes a label set into a record, and then publishes the record by one compare-and-exchange on a slot
 * of the table. The number of the slot is the number of the series. There are no locks: a thread that is terminated
 * between the two steps only leaves an unused record. A published slot never changes.
 *
 * Each metric has its own records. They have room for the number of label sets, and for the length of each label set,
 * that the metric's schema gives. The labels of one metric therefore never use the room of another metric.
 *
 * Any thread may overwrite any byte. Label sets may then get a wrong series or none, but nothing worse happens. A record
 * whose length is greater than the longest label set is ignored, so that reading all series of an overwritten metric
 * takes no more memory than reading those of a full one.
 *
 * @module
 */
import { TextEncoder, TextDecoder } from 'node:util'
import { type HashKey, keyedHash } from '../core/keyed-hash.js'
import { type LabelSpec, UNSPEAKABLE } from './schema.js'

const NONE = 0
/** The number of words in front of a record's bytes: the hash and the length. */
const RECORD_WORDS = 2
const WORD_BYTES = 4
/** Extra records, for threads that have written a record but not yet published it when the metric is nearly full. */
const SPARE_RECORDS = 64

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Returns the number of slots of a table for `series` label sets; about a fifth of the slots stay free. */
export function slotsFor(series: number): number {
  return series + Math.ceil(series / 4) + 8
}

/** Returns the bytes of a label set in a record: a JSON array in UTF-8. */
function keyOf(values: readonly string[]): Uint8Array {
  return encoder.encode(JSON.stringify(values))
}

/**
 * Returns the size in bytes of the longest label set that gets its own series.
 *
 * @param labelBytes - the bytes that the values of all labels without a list of known values may take together.
 */
export function mostKeyBytes(labels: readonly LabelSpec[], labelBytes: number): number {
  const lengths = labels.map(({ known }) =>
    Math.max(0, ...(known ?? []).map((one) => keyOf([one]).length - 4)),
  )
  const isOpen = labels.some(({ known }) => known === null)
  // JSON adds two brackets, two quotes for each value, and a comma before each value except the first.
  return lengths.reduce((sum, length) => sum + length + 3, 1) + (isOpen ? labelBytes : 0)
}

function recordWords(keyBytes: number): number {
  return RECORD_WORDS + Math.ceil(keyBytes / WORD_BYTES)
}

/** The size of the label table of one metric. */
export interface TableSize {
  /** The number of label sets that may be published. */
  readonly series: number
  /** The size in bytes of the longest label set: see {@link mostKeyBytes}. */
  readonly keyBytes: number
  /** The size in bytes that label sets have on average at most; by default that of the longest one. */
  readonly averageBytes?: number
}

/** Returns the number of words of an arena: one word that counts the used words, and the words of the records. */
function arenaWords({ series, keyBytes, averageBytes = keyBytes }: TableSize): number {
  return 1 + (slotsFor(series) + SPARE_RECORDS) * recordWords(averageBytes)
}

/** Returns the size of a label table in bytes. */
export function tableBytes(size: TableSize): number {
  return WORD_BYTES * (1 + slotsFor(size.series) + arenaWords(size))
}

/** Memory for records. It is allocated from the beginning and never freed. Word 0 counts the allocated words. */
class Arena {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #keyBytes: number
  /** A record that this thread wrote but did not publish, and its size in words. A later `write()` uses it again. */
  #spare = { record: NONE, words: 0 }

  constructor(buffer: SharedArrayBuffer, offset: number, size: TableSize) {
    this.#words = new Int32Array(buffer, offset, arenaWords(size))
    this.#bytes = new Uint8Array(buffer, offset, arenaWords(size) * WORD_BYTES)
    this.#keyBytes = size.keyBytes
  }

  /** Writes a record that no other thread knows yet and returns its number; {@link NONE} if there is no room for it. */
  write(hash: number, key: Uint8Array): number {
    if (key.length > this.#keyBytes) return NONE
    const words = recordWords(key.length)
    const record = this.#allocate(words)
    if (record === NONE) return NONE
    this.#words[record] = hash
    this.#words[record + 1] = key.length
    this.#bytes.set(key, (record + RECORD_WORDS) * WORD_BYTES)
    return record
  }

  /** Gives back an unpublished record that {@link write} returned for `key`. */
  discard(record: number, key: Uint8Array): void {
    const words = recordWords(key.length)
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
    // Checked before the addition, so that repeated attempts on a full arena do not overflow the word.
    if (used < 0 || used > most) return NONE
    const taken = Atomics.add(this.#words, 0, words)
    return taken < 0 || taken > most ? NONE : taken + 1
  }

  /** Returns the bytes of a record; null if the number or the length of the record is invalid. */
  #keyOf(record: number): Uint8Array | null {
    if (record < 1 || record > this.#words.length - RECORD_WORDS) return null
    const bytes = this.#words[record + 1] as number
    const start = (record + RECORD_WORDS) * WORD_BYTES
    if (bytes < 0 || bytes > this.#keyBytes || bytes > this.#bytes.length - start) return null
    return this.#bytes.subarray(start, start + bytes)
  }

  isRecordOf(record: number, hash: number, key: Uint8Array): boolean {
    if (record < 1 || this.#words[record] !== (hash | 0)) return false
    const held = this.#keyOf(record)
    return held !== null && held.length === key.length && held.every((byte, k) => byte === key[k])
  }

  /** Returns the label values of a record; null if the record does not contain label values. */
  valuesOf(record: number): readonly string[] | null {
    const key = this.#keyOf(record)
    if (key === null) return null
    try {
      // Copied, because a TextDecoder does not accept shared memory.
      const values: unknown = JSON.parse(decoder.decode(key.slice()))
      return Array.isArray(values) && values.every(isLabelText) ? values : null
    } catch {
      return null
    }
  }
}

/** Returns whether `value` is a label value that `labels()` can have written. */
function isLabelText(value: unknown): value is string {
  return typeof value === 'string' && value.search(UNSPEAKABLE) === -1
}

/** The table of the label sets of one metric, as one thread has it open. */
export class LabelTable {
  /** Word 0 counts the published label sets; the other words are the slots. */
  readonly #words: Int32Array
  readonly #series: number
  readonly #arena: Arena
  readonly #hashKey: HashKey

  /** @param size - `size.series` limits the published label sets; threads that publish at one time may exceed it by a few. */
  constructor(buffer: SharedArrayBuffer, offset: number, size: TableSize, hashKey: HashKey) {
    this.#words = new Int32Array(buffer, offset, 1 + slotsFor(size.series))
    this.#series = size.series
    this.#arena = new Arena(buffer, offset + this.#words.byteLength, size)
    this.#hashKey = hashKey
  }

  /** The number of slots. */
  get slots(): number {
    return this.#words.length - 1
  }

  /** The number of published label sets. A thread publishes a label set just before it counts it here. */
  get published(): number {
    return Atomics.load(this.#words, 0)
  }

  /** Returns the series of these label values, and makes it if it does not exist; -1 if the table has no room for it. */
  find(values: readonly string[]): number {
    const key = keyOf(values)
    const hash = keyedHash(key, this.#hashKey)
    const { slots } = this
    let own = NONE
    for (let probe = 0; probe < slots; probe++) {
      const slot = (hash + probe) % slots
      let record = Atomics.load(this.#words, 1 + slot)
      if (record === NONE) {
        if (own === NONE) own = this.#newRecord(hash, key)
        // If there is no room for a record, look again: another thread may have just published these label values.
        record =
          own === NONE
            ? Atomics.load(this.#words, 1 + slot)
            : Atomics.compareExchange(this.#words, 1 + slot, NONE, own)
        if (record === NONE) {
          if (own === NONE) return -1
          Atomics.add(this.#words, 0, 1)
          return slot
        }
      }
      if (this.#arena.isRecordOf(record, hash, key)) {
        if (own !== NONE) this.#arena.discard(own, key)
        return slot
      }
    }
    if (own !== NONE) this.#arena.discard(own, key)
    return -1
  }

  #newRecord(hash: number, key: Uint8Array): number {
    if (Atomics.load(this.#words, 0) >= this.#series) return NONE
    return this.#arena.write(hash, key)
  }

  /** Returns the label values of a series; null if the series does not exist or has another number of values than `count`. */
  valuesOf(series: number, count: number): readonly string[] | null {
    const values = this.textsOf(series)
    return values?.length === count ? values : null
  }

  /** Returns the texts for which {@link find} made a series; null if the series does not exist. */
  textsOf(series: number): readonly string[] | null {
    const record = Atomics.load(this.#words, 1 + series)
    return record === NONE ? null : this.#arena.valuesOf(record)
  }
}
