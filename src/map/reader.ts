/**
 * Reads the entries of a map without a lock and without a store to shared memory, but for the hits.
 *
 * A writer stores the position of the log's tail before it writes over what is behind the tail. So a reader copies what it
 * wants, and then loads the tail: if the entry is still before it, the copy is whole. Writers push entries at the front of a
 * bucket's chain, and change nothing of an entry that is there but the word that leads to the next one. So positions fall along a
 * chain; and a reader that finds nothing, the front as it was, and the last entry not overwritten, knows that the key was not there.
 *
 * ```
 * loop:
 *   lap = segment.lap; first = bucket
 *   for each position of the chain:
 *     if the entry there has the key:
 *       copy the value
 *       if position is before segment.tail (an acquire), or segment.lap != lap: begin again
 *       return the copy
 *     if the next position is not before this one: begin again
 *   if bucket != first, or the last position is before segment.tail, or segment.lap != lap: begin again
 *   return "not there"
 * ```
 *
 * The loads in between are plain ones, as a call of `Atomics.load` costs ten times as much as a load, and is no less than a
 * barrier for the compiler. On x86-64 the processor keeps the order of loads. Elsewhere a store to private memory (release) comes
 * before the load of the tail (acquire): no processor exchanges the loads before with that store, or that store with that load.
 * `lap` guards against a thread that sleeps in here while 32 GiB are written to a segment.
 *
 * @module
 */
import { threadId } from 'node:worker_threads'
import type { Key } from './key.js'
import {
  EntryWord,
  type Geometry,
  HIT_GROUPS,
  KEY_PART,
  NOWHERE,
  SegmentWord,
  ValueType,
  byteOffset,
  keyBytesOf,
  typeOf,
  wordsFor,
} from '../core/map-layout.js'
import { type Value, corrupt } from './value.js'

/** Fibonacci hashing: the upper bits of the product are well mixed, also if only some bits of the hash differ. */
const SPREAD = 0x9e3779b1
/** The answers of {@link MapReader.look} that are no positions. */
export const NOT_THERE = 0
export const CHANGED = -1
/** No chain is longer, unless something scribbled over it. */
const MOST_STEPS = 1 << 12
/** Values of at most so many words are copied word by word. */
const SHORT_WORDS = 64
/** Whether the processor never exchanges two loads. */
const KEEPS_LOADS_IN_ORDER = process.arch === 'x64'

const { tail: TAIL, lap: LAP, buckets: BUCKETS } = SegmentWord
const { hash: HASH, next: NEXT, lengths: LENGTHS, key: KEY } = EntryWord

/** Reads a map's memory for one thread. */
export class MapReader {
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly geometry: Geometry
  readonly #segments: number
  readonly #segmentWords: number
  readonly #firstSegment: number
  readonly #bucketShift: number
  readonly #log: number
  readonly #mask: number
  /** The position of the hits of this thread's group in a segment. */
  readonly #hits: number
  readonly #hitShift: number
  readonly #fence = new Int32Array(1)
  /** Of the entry that {@link look} found. */
  #segment = 0
  #position = 0
  #lap = 0

  constructor(buffer: SharedArrayBuffer, geometry: Geometry) {
    this.words = new Int32Array(buffer, 0, geometry.totalBytes / Int32Array.BYTES_PER_ELEMENT)
    this.bytes = new Uint8Array(buffer, 0, geometry.totalBytes)
    this.geometry = geometry
    this.#segments = geometry.segments
    this.#segmentWords = geometry.segmentWords
    this.#firstSegment = geometry.firstSegment
    this.#bucketShift = geometry.bucketShift
    this.#log = geometry.log
    this.#mask = geometry.units - 1
    this.#hits = geometry.hits + ((threadId + process.pid) % HIT_GROUPS) * geometry.hitWords
    this.#hitShift = geometry.bucketShift - 2
  }

  /** The segment that has the entries with this hash. */
  segmentOf(hash: number): number {
    return this.#firstSegment + (((hash >>> 16) * this.#segments) >>> 16) * this.#segmentWords
  }

  /** The word with the first position of the chain that has the entries with this hash. */
  bucketOf(segment: number, hash: number): number {
    return segment + BUCKETS + (Math.imul(hash, SPREAD) >>> this.#bucketShift)
  }

  /** The entry at a position of a segment's log. Any 32 bits are a position. */
  entryAt(segment: number, position: number): number {
    return segment + this.#log + ((position & this.#mask) << 1)
  }

  /**
   * Looks for a key. Returns its entry; {@link NOT_THERE}; or {@link CHANGED} if writers changed what this call went through.
   * The caller copies what it needs of the entry, and then asks {@link isIntact}: the entry may be another one by now.
   */
  look(key: Key): number {
    const { words } = this
    const { hash, part } = key
    const segment = this.segmentOf(hash)
    const bucket = this.bucketOf(segment, hash)
    this.#segment = segment
    this.#lap = words[segment + LAP] as number
    // What is loaded from an entry depends on this load, which no processor exchanges with what depends on it.
    const first = words[bucket] as number
    if (first === NOWHERE) return NOT_THERE
    let position = first
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const at = this.entryAt(segment, position)
      this.#position = position
      if (
        words[at + HASH] === hash &&
        ((words[at + LENGTHS] as number) & KEY_PART) === part &&
        this.#hasKey(segment, at, key)
      )
        return at
      const next = words[at + NEXT] as number
      if (next === NOWHERE) break
      if (((next - position) | 0) >= 0) return CHANGED
      position = next
    }
    return Atomics.load(words, bucket) === first && this.isIntact() ? NOT_THERE : CHANGED
  }

  #hasKey(segment: number, at: number, { words: wanted, length }: Key): boolean {
    const { words } = this
    const count = wordsFor(length)
    if (at + KEY + count > segment + this.#segmentWords) return false
    for (let k = 0; k < count; k++) if (words[at + KEY + k] !== wanted[k]) return false
    return true
  }

  /** Whether everything that was loaded from the entry that {@link look} found, before this call, was the entry's. */
  isIntact(): boolean {
    const { words } = this
    const segment = this.#segment
    if (!KEEPS_LOADS_IN_ORDER) Atomics.store(this.#fence, 0, 0)
    return (
      ((this.#position - Atomics.load(words, segment + TAIL)) | 0) >= 0 && words[segment + LAP] === this.#lap
    )
  }

  /**
   * Copies the value of the entry that {@link look} found, with its version and expiry.
   *
   * @param target - where the bytes of a value go, if they fill whole words that are there; otherwise to `value.words`.
   * @returns false if the entry was overwritten meanwhile.
   * @throws RegionCorruptError if the entry is there, and is none that a writer has made.
   */
  copyValue(at: number, value: Value, target?: Int32Array): boolean {
    const { words } = this
    const lengths = words[at + LENGTHS] as number
    const length = words[at + EntryWord.valueBytes] as number
    const count = wordsFor(length)
    const from = at + KEY + wordsFor(keyBytesOf(lengths))
    if (length < 0 || from + count > this.#segment + this.#segmentWords) {
      if (this.isIntact()) throw corrupt()
      return false
    }
    value.type = typeOf(lengths) as Value['type']
    value.length = length
    value.version = words[at + EntryWord.version] as number
    value.highHalves = words[at + EntryWord.highHalves] as number
    value.expiry = words[at + EntryWord.expiry] as number
    if (count <= SHORT_WORDS) {
      const isDirect =
        target !== undefined && count <= target.length && (length & 3) === 0 && value.type <= ValueType.utf8
      const into = isDirect ? target : value.words
      value.isInTarget = isDirect
      for (let k = 0; k < count; k++) into[k] = words[from + k] as number
    } else {
      value.isInTarget = false
      value.reserve(byteOffset(count))
      value.words.set(words.subarray(from, from + count))
    }
    return this.isIntact()
  }

  /** Copies the value of an entry, under the mutex of its segment. */
  copyLocked(segment: number, at: number, value: Value): void {
    this.#segment = segment
    this.#position = this.words[segment + TAIL] as number
    this.#lap = this.words[segment + LAP] as number
    if (!this.copyValue(at, value)) throw corrupt()
  }

  /** Begins to go along a chain. Returns its first position. */
  enter(segment: number, bucket: number): number {
    this.#segment = segment
    this.#lap = this.words[segment + LAP] as number
    return Atomics.load(this.words, bucket)
  }

  /** Goes to the entry at a position of the chain that was entered: the caller copies it, as after {@link look}. */
  goTo(position: number): number {
    this.#position = position
    return this.entryAt(this.#segment, position)
  }

  /** Copies the key of an entry to the bytes of `value`. Returns false if the entry was overwritten meanwhile. */
  copyKey(at: number, length: number, value: Value): boolean {
    const count = wordsFor(length)
    if (at + KEY + count > this.#segment + this.#segmentWords) return false
    value.reserve(byteOffset(count))
    for (let k = 0; k < count; k++) value.words[k] = this.words[at + KEY + k] as number
    return this.isIntact()
  }

  /**
   * Notes a hit on the entry that {@link look} found, with this hash. It is a store without an atomic instruction to memory that threads of this group alone write,
   * and mostly just a load. Two threads may lose each other's notes, and what is left out is a hint.
   */
  noteHit(hash: number): void {
    const { words } = this
    const bit = Math.imul(hash, SPREAD) >>> this.#hitShift
    const at = this.#segment + this.#hits + (bit >>> 5)
    const seen = words[at] as number
    const noted = seen | (1 << (bit & 31))
    if (noted !== seen) words[at] = noted
  }

  /** Returns whether any thread noted a hit on this hash since the last call, and forgets it. */
  takeHit(segment: number, hash: number): boolean {
    const { words, geometry } = this
    const bit = Math.imul(hash, SPREAD) >>> this.#hitShift
    const mask = 1 << (bit & 31)
    let wasHit = false
    let at = segment + geometry.hits + (bit >>> 5)
    for (let group = 0; group < HIT_GROUPS; group++, at += geometry.hitWords) {
      const seen = words[at] as number
      if ((seen & mask) === 0) continue
      wasHit = true
      words[at] = seen & ~mask
    }
    return wasHit
  }
}
