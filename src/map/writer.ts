/**
 * Changes the entries of a map. The caller has the mutex of the segment.
 *
 * Each change is one store: to the first word of a chain, or to the word that leads to an entry. A thread or a process that ends
 * between two of them leaves a map whose readers see the state before or after a change. What its own counts say may be wrong
 * then; {@link MapWriter.repair} makes them anew from the chains, before the next owner of the mutex does anything.
 *
 * ```
 * put:   make room; write the entry behind head; head += its size
 *        entry.next = bucket; bucket = entry            (readers see the new value from here on)
 *        the word that leads to the former entry = its next
 * room:  at the tail, until there is room: what no chain has is passed. What is in use, and is not to go, is put anew, as above.
 *        What is to go leaves its chain. tail += its size, before anybody writes there.
 * ```
 *
 * An entry that readers have hit since the tail last came by is put anew, and the others go: this is the policy CLOCK, in the
 * order in which entries were written.
 *
 * @module
 */
import type { Key } from './key.js'
import {
  COMPUTING,
  EntryWord,
  KEY_PART,
  NOWHERE,
  PADDING,
  SegmentWord,
  UNIT_WORDS,
  byteOffset,
  entryUnits,
  expiryOf,
  highHalvesOf,
  keyBytesOf,
  kindOf,
  versionOf,
  wordsFor,
} from '../core/map-layout.js'
import { NOT_THERE, type MapReader } from './reader.js'
import type { Statistics } from './statistics.js'
import { type Value, corrupt } from './value.js'

const { tail: TAIL, lap: LAP, head: HEAD, count: COUNT, live: LIVE, largest: LARGEST } = SegmentWord
const { size: SIZE, hash: HASH, next: NEXT, lengths: LENGTHS, valueBytes: VALUE_BYTES, key: KEY } = EntryWord

/** So many entries that were hit are put anew at most while room is made for one: others are evicted although they were hit. */
const MOST_SPARED = 32
/** Entries of at most so many words are copied word by word. */
const SHORT_WORDS = 64
const HALF = 2 ** 32
/** The answer of a walk along a chain that is none. */
const BROKEN = -1
/** After so many rounds of the log, making room has passed all that is not in use; and after so many, something is wrong. */
const PATIENT_ROUNDS = 2
const MOST_ROUNDS = 8

/** What goes when the tail comes to it: nothing that is in use; values that nobody has hit; all values; marks as well. */
const Goes = { noneInUse: 0, unlessHit: 1, values: 2, all: 3 } as const
type Goes = (typeof Goes)[keyof typeof Goes]

/** Changes a map's memory for one thread. */
export class MapWriter {
  readonly #reader: MapReader
  readonly #statistics: Statistics
  readonly #now: () => number
  /** The word that leads to the entry that {@link find} found. */
  #link = 0

  constructor(reader: MapReader, statistics: Statistics, now: () => number) {
    this.#reader = reader
    this.#statistics = statistics
    this.#now = now
  }

  /** Whether a position is of an entry that is whole, as far as its own words say. */
  #isEntry(segment: number, position: number): boolean {
    const { words, geometry } = this.#reader
    const tail = words[segment + TAIL] as number
    const used = ((words[segment + HEAD] as number) - tail) >>> 0
    const before = (position - tail) >>> 0
    if (before >= used) return false
    const at = this.#reader.entryAt(segment, position)
    const size = words[at + SIZE] as number
    const lengths = words[at + LENGTHS] as number
    const valueBytes = words[at + VALUE_BYTES] as number
    return (
      size > 0 &&
      size <= geometry.mostUnits &&
      before + size <= used &&
      (position & (geometry.units - 1)) + size <= geometry.units &&
      valueBytes >= 0 &&
      valueBytes < byteOffset(size * UNIT_WORDS) &&
      entryUnits(keyBytesOf(lengths), valueBytes) === size
    )
  }

  /**
   * Goes along a chain from the word `link` to the entry of `key`, or, without a key, to the one at `wanted`; sets `#link`. If the
   * chain is damaged, repairs the segment, and goes along it once more.
   */
  #seek(segment: number, link: number, key: Key | null, wanted: number): number {
    const found = this.#follow(segment, link, key, wanted)
    if (found !== BROKEN) return found
    this.repair(segment)
    const again = this.#follow(segment, link, key, wanted)
    if (again === BROKEN) throw corrupt()
    return again
  }

  #follow(segment: number, start: number, key: Key | null, wanted: number): number {
    const { words, geometry } = this.#reader
    let link = start
    // A chain cannot be longer than the log has units.
    for (let steps = geometry.units; steps > 0; steps--) {
      const position = words[link] as number
      if (position === NOWHERE) return NOT_THERE
      if (!this.#isEntry(segment, position)) return BROKEN
      const at = this.#reader.entryAt(segment, position)
      if (key === null ? position === wanted : this.#isOf(at, key)) {
        this.#link = link
        return at
      }
      link = at + NEXT
    }
    return BROKEN
  }

  #isOf(at: number, key: Key): boolean {
    const { words } = this.#reader
    if (words[at + HASH] !== key.hash || ((words[at + LENGTHS] as number) & KEY_PART) !== key.part)
      return false
    const count = wordsFor(key.length)
    for (let k = 0; k < count; k++) if (words[at + KEY + k] !== key.words[k]) return false
    return true
  }

  /** Returns the entry of a key, also if it has expired; NOT_THERE if there is none. */
  find(segment: number, key: Key): number {
    return this.#seek(segment, this.#reader.bucketOf(segment, key.hash), key, NOWHERE)
  }

  /** Takes the entry that was just found out of its chain. Nobody finds it from here on. */
  #unlink(segment: number): void {
    const { words } = this.#reader
    const at = this.#reader.entryAt(segment, words[this.#link] as number)
    Atomics.store(words, this.#link, words[at + NEXT] as number)
    this.#count(segment, at, -1)
  }

  /** Counts an entry that came into a chain (1), or left one (-1). */
  #count(segment: number, at: number, sign: 1 | -1): void {
    const { words } = this.#reader
    words[segment + LIVE] = (words[segment + LIVE] as number) + sign * (words[at + SIZE] as number)
    if (kindOf(words[at + LENGTHS] as number) >= COMPUTING) return
    words[segment + COUNT] = (words[segment + COUNT] as number) + sign
  }

  /** Removes a key. Returns whether it was there and had not expired. */
  remove(segment: number, key: Key): boolean {
    const at = this.find(segment, key)
    if (at === NOT_THERE) return false
    const isThere = !this.isExpired(at)
    this.#unlink(segment)
    return isThere
  }

  #expiryOf(at: number): number {
    const { words } = this.#reader
    return expiryOf(words[at + EntryWord.expiry] as number, words[at + EntryWord.highHalves] as number)
  }

  /** The version of an entry. */
  versionOf(at: number): number {
    const { words } = this.#reader
    return versionOf(words[at + EntryWord.version] as number, words[at + EntryWord.highHalves] as number)
  }

  /** Whether the time of an entry is over. */
  isExpired(at: number): boolean {
    const expiry = this.#expiryOf(at)
    return expiry !== 0 && this.#now() >= expiry
  }

  /** Whether an entry for a key and a value is no longer than the longest. */
  fits(key: Key, value: Value): boolean {
    return entryUnits(key.length, value.length) <= this.#reader.geometry.mostUnits
  }

  /**
   * Stores a value, in place of the key's former one. The caller has checked that it is not too large.
   *
   * @returns the version of the entry.
   */
  put(segment: number, key: Key, value: Value, expiry: number): number {
    const { words } = this.#reader
    const units = entryUnits(key.length, value.length)
    this.#makeRoom(segment, units, key)
    const version = this.#nextVersion(segment)
    const position = this.#positionFor(segment, units)
    const at = this.#reader.entryAt(segment, position)
    words[at + SIZE] = units
    words[at + HASH] = key.hash
    words[at + LENGTHS] = key.part | (value.type << 16)
    words[at + VALUE_BYTES] = value.length
    words[at + EntryWord.version] = version | 0
    words[at + EntryWord.highHalves] = highHalvesOf(version, expiry)
    words[at + EntryWord.expiry] = expiry | 0
    this.#writeContent(at + KEY, key, value)
    this.#publish(segment, at, position)
    if (this.#seek(segment, at + NEXT, key, NOWHERE) !== NOT_THERE) this.#unlink(segment)
    return version
  }

  #writeContent(from: number, key: Key, value: Value): void {
    const { words, bytes } = this.#reader
    const keyWords = wordsFor(key.length)
    for (let k = 0; k < keyWords; k++) words[from + k] = key.words[k] as number
    const at = from + keyWords
    const count = wordsFor(value.length)
    if (value.source !== undefined) bytes.set(value.source, byteOffset(at))
    else if (count <= SHORT_WORDS) for (let k = 0; k < count; k++) words[at + k] = value.words[k] as number
    else words.set(value.words.subarray(0, count), at)
  }

  /** Puts a written entry at the front of its chain. */
  #publish(segment: number, at: number, position: number): void {
    const { words } = this.#reader
    const bucket = this.#reader.bucketOf(segment, words[at + HASH] as number)
    words[at + NEXT] = words[bucket] as number
    words[segment + HEAD] = (position + (words[at + SIZE] as number)) | 0
    Atomics.store(words, bucket, position)
    this.#count(segment, at, 1)
  }

  #isSameKey(one: number, other: number): boolean {
    const { words } = this.#reader
    if (words[one + HASH] !== words[other + HASH]) return false
    const lengths = words[one + LENGTHS] as number
    if ((lengths & KEY_PART) !== ((words[other + LENGTHS] as number) & KEY_PART)) return false
    const count = wordsFor(keyBytesOf(lengths))
    for (let k = 0; k < count; k++) if (words[one + KEY + k] !== words[other + KEY + k]) return false
    return true
  }

  #nextVersion(segment: number): number {
    const { words } = this.#reader
    const at = segment + SegmentWord.version
    const version = ((words[at + 1] as number) & 0xffff) * HALF + ((words[at] as number) >>> 0) + 1
    words[at] = version | 0
    words[at + 1] = Math.floor(version / HALF)
    return version
  }

  /** Changes when an entry expires: puts it anew. */
  touch(segment: number, key: Key, expiry: number): boolean {
    const { words } = this.#reader
    const found = this.find(segment, key)
    if (found === NOT_THERE || this.isExpired(found)) return false
    const units = words[found + SIZE] as number
    this.#makeRoom(segment, units, null)
    // Making room may have moved it, or evicted it.
    if (this.find(segment, key) === NOT_THERE) return false
    this.#putAnew(segment, words[this.#link] as number, expiry)
    return true
  }

  /** Copies an entry to the head of the log, for which there is room, and into its chain in place of itself. */
  #putAnew(segment: number, old: number, expiry: number): void {
    const { words } = this.#reader
    const from = this.#reader.entryAt(segment, old)
    const units = words[from + SIZE] as number
    const position = this.#positionFor(segment, units)
    const at = this.#reader.entryAt(segment, position)
    words.copyWithin(at, from, from + units * UNIT_WORDS)
    words[at + EntryWord.highHalves] = highHalvesOf(this.versionOf(at), expiry)
    words[at + EntryWord.expiry] = expiry | 0
    this.#publish(segment, at, position)
    if (this.#seek(segment, at + NEXT, null, old) !== NOT_THERE) this.#unlink(segment)
  }

  /** Units between the head and the end of the memory if an entry does not fit there: they are left out. */
  #paddingFor(head: number, units: number): number {
    const toEnd = this.#reader.geometry.units - (head & (this.#reader.geometry.units - 1))
    // Position 0 ends chains, and comes again after 2^32 units.
    const isNowhere = head === NOWHERE
    return toEnd < units ? toEnd : isNowhere ? 1 : 0
  }

  /** Returns the position for an entry, for which there is room, and leaves out what is behind the head if it does not fit there. */
  #positionFor(segment: number, units: number): number {
    const { words } = this.#reader
    let head = words[segment + HEAD] as number
    for (
      let padding = this.#paddingFor(head, units);
      padding !== 0;
      padding = this.#paddingFor(head, units)
    ) {
      words[this.#reader.entryAt(segment, head)] = padding | PADDING
      head = (head + padding) | 0
      words[segment + HEAD] = head
    }
    return head
  }

  /**
   * Makes room for an entry of so many units. Afterwards, too, there is room to put two of the largest entries anew.
   *
   * @param key - of which an entry comes: if it is not there yet, the segment gets one more. Null if there will not be more.
   */
  #makeRoom(segment: number, units: number, key: Key | null): void {
    const { words, geometry } = this.#reader
    const largest = Math.min(geometry.mostUnits, Math.max(units, words[segment + LARGEST] as number))
    words[segment + LARGEST] = largest
    const reserve = 2 * units + 2 * largest
    let spared = 0
    let passed = 0
    while (passed < MOST_ROUNDS * geometry.units) {
      const tail = words[segment + TAIL] as number
      const used = ((words[segment + HEAD] as number) - tail) >>> 0
      const live = words[segment + LIVE] as number
      const isAtQuota = key !== null && (words[segment + COUNT] as number) >= geometry.quota
      const hasTooMany = isAtQuota && this.find(segment, key) === NOT_THERE
      if (used + reserve <= geometry.units && !hasTooMany) return
      if (used === 0) break
      const isFull =
        hasTooMany || live + units > geometry.fullUnits || live + reserve > (geometry.units / 16) * 15
      const goes = passed > PATIENT_ROUNDS * geometry.units ? Goes.all : Goes.noneInUse
      const passing = this.#passTail(
        segment,
        tail,
        goes === Goes.all || !isFull ? goes : spared < MOST_SPARED ? Goes.unlessHit : Goes.values,
      )
      if (isFull && passing < 0) spared++
      passed += Math.abs(passing)
    }
    // The counts were wrong: what they count is not in the log.
    this.repair(segment)
    const used = ((words[segment + HEAD] as number) - (words[segment + TAIL] as number)) >>> 0
    if (used + reserve > geometry.units) throw corrupt()
  }

  /**
   * Moves the tail over what is there.
   *
   * @returns how many units it passed; negative if it put an entry anew.
   */
  #passTail(segment: number, tail: number, goes: Goes): number {
    const { words, geometry } = this.#reader
    const at = this.#reader.entryAt(segment, tail)
    const size = words[at + SIZE] as number
    const padding = size & ~PADDING
    const head = words[segment + HEAD] as number
    const used = (head - tail) >>> 0
    if (size < 0 && padding > 0 && padding <= used) {
      this.#advance(segment, tail, padding)
      return padding
    }
    if (!this.#isEntry(segment, tail)) {
      this.repair(segment)
      return geometry.units
    }
    if (this.#findAt(segment, at, tail)) {
      const hasExpired = this.isExpired(at)
      const hasRoom = geometry.units - used >= size + this.#paddingFor(head, size)
      if (!hasExpired && hasRoom && this.#isSpared(segment, at, goes)) {
        this.#putAnew(segment, tail, this.#expiryOf(at))
        this.#advance(segment, tail, size)
        return -size
      }
      this.#statistics.add(hasExpired ? 'expirations' : 'evictions')
      // Whether it is spared was asked in between, which leaves the link as it is.
      this.#unlink(segment)
    }
    this.#advance(segment, tail, size)
    return size
  }

  /** Whether an entry is in its chain. Sets `#link`. */
  #findAt(segment: number, at: number, position: number): boolean {
    const { words } = this.#reader
    const bucket = this.#reader.bucketOf(segment, words[at + HASH] as number)
    return this.#seek(segment, bucket, null, position) !== NOT_THERE
  }

  #isSpared(segment: number, at: number, goes: Goes): boolean {
    if (goes === Goes.noneInUse) return true
    if (goes === Goes.all) return false
    const { words } = this.#reader
    if (kindOf(words[at + LENGTHS] as number) >= COMPUTING) return true
    const wasHit = this.#reader.takeHit(segment, words[at + HASH] as number)
    return wasHit && goes === Goes.unlessHit
  }

  /** Lets writers use what was at the tail. */
  #advance(segment: number, tail: number, units: number): void {
    const { words } = this.#reader
    if (words[segment + TAIL] !== tail) return
    const next = (tail + units) | 0
    if (next >>> 0 < tail >>> 0) Atomics.add(words, segment + LAP, 1)
    Atomics.store(words, segment + TAIL, next)
    // On arm64, later stores could pass the store of the tail. None passes a load that acquires, and that load passes no
    // store that releases.
    Atomics.load(words, segment + TAIL)
  }

  /** Removes all entries but the marks of computations, one by one. */
  clear(segment: number): void {
    const first = segment + SegmentWord.buckets
    for (let k = 0; k < this.#reader.geometry.buckets; k++) this.#clearChain(segment, first + k)
  }

  #clearChain(segment: number, bucket: number): void {
    const { words, geometry } = this.#reader
    let link = bucket
    for (let steps = geometry.units; steps > 0; steps--) {
      const position = words[link] as number
      if (position === NOWHERE) return
      if (!this.#isEntry(segment, position)) break
      const at = this.#reader.entryAt(segment, position)
      this.#link = link
      if (kindOf(words[at + LENGTHS] as number) >= COMPUTING) link = at + NEXT
      else this.#unlink(segment)
    }
    Atomics.store(words, link, NOWHERE)
    this.repair(segment)
  }

  /**
   * Makes a segment whole after its last owner ended within a change, or something scribbled over it. Cuts the log where it is
   * no sequence of entries, takes out of the chains what is no entry of theirs and all but the newest of entries with one key, and
   * counts anew. O(entries).
   */
  repair(segment: number): void {
    const { words, geometry } = this.#reader
    this.#statistics.add('repairs')
    const entries = this.#entriesOf(segment)
    words[segment + LIVE] = 0
    words[segment + LARGEST] = 0
    words[segment + COUNT] = 0
    for (let k = 0; k < geometry.buckets; k++)
      this.#repairChain(segment, segment + SegmentWord.buckets + k, entries)
  }

  /** The positions of all entries in a segment's log, in any chain or in none. Cuts the log where it goes wrong. */
  #entriesOf(segment: number): Set<number> {
    const { words, geometry } = this.#reader
    const tail = words[segment + TAIL] as number
    let used = ((words[segment + HEAD] as number) - tail) >>> 0
    if (used > geometry.units) used = 0
    const entries = new Set<number>()
    let passed = 0
    while (passed < used) {
      const position = (tail + passed) | 0
      const size = words[this.#reader.entryAt(segment, position)] as number
      if (size < 0) {
        if ((size & ~PADDING) === 0) break
        passed += size & ~PADDING
        continue
      }
      if (!this.#isEntry(segment, position)) break
      entries.add(position)
      passed += size
    }
    if (passed !== used || used === 0)
      Atomics.store(words, segment + HEAD, (tail + Math.min(passed, used)) | 0)
    return entries
  }

  #repairChain(segment: number, bucket: number, entries: Set<number>): void {
    const { words } = this.#reader
    const kept: number[] = []
    let link = bucket
    for (;;) {
      const position = words[link] as number
      if (position === NOWHERE) return
      const at = this.#reader.entryAt(segment, position)
      const hash = words[at + HASH] as number
      // An entry is in one chain, once: so a chain that leads back to itself ends here.
      const isOfChain = entries.delete(position) && this.#reader.bucketOf(segment, hash) === bucket
      if (!isOfChain) {
        Atomics.store(words, link, NOWHERE)
        return
      }
      if (kept.some((newer) => this.#isSameKey(newer, at))) {
        Atomics.store(words, link, words[at + NEXT] as number)
        continue
      }
      kept.push(at)
      this.#count(segment, at, 1)
      words[segment + LARGEST] = Math.max(words[segment + LARGEST] as number, words[at + SIZE] as number)
      link = at + NEXT
    }
  }
}
