/**
 * A map as one object has it open in its thread: finds, copies, stores and removes entries by encoded keys and values.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { disposedError } from '../core/errors.js'
import { type Geometry, SegmentWord, checkTtl, expiryOf, hashKeyOf } from '../core/map-layout.js'
import { checkOptions } from '../core/options.js'
import { backend } from '../runtime/backend.js'
import { Key } from './key.js'
import { MapMutexes } from './mutexes.js'
import type { EntryOptions, MapKey } from './options.js'
import { CHANGED, MapReader, NOT_THERE } from './reader.js'
import { Statistics } from './statistics.js'
import { Value } from './value.js'
import { MapWriter } from './writer.js'

/** How often a reader begins again before it takes the mutex of those who write. */
export const ATTEMPTS = 16
const { mutex: MUTEX } = SegmentWord

/** The difference between the clock that all threads and processes share and this thread's `performance`, in milliseconds. */
const clockOffset = Number(backend.now()) / 1e6 - performance.now()

/** The time of the map's clock in milliseconds: CLOCK_MONOTONIC, which nobody can set. */
export function clock(): number {
  return performance.now() + clockOffset
}

/** The key of a call is put into `key` by {@link OpenMap.take}; values come from and go to `value`. */
export class OpenMap {
  readonly geometry: Geometry
  readonly key: Key
  readonly value: Value
  readonly statistics: Statistics
  readonly mutexes: MapMutexes
  readonly reader: MapReader
  readonly writer: MapWriter
  /** False after {@link close}. */
  isOpen = true

  /** @param owner - the object whose disposal closes what is open. */
  constructor(owner: object, buffer: SharedArrayBuffer, geometry: Geometry) {
    this.geometry = geometry
    this.reader = new MapReader(buffer, geometry)
    const hashKey = hashKeyOf(this.reader.words)
    this.key = new Key(hashKey)
    this.value = new Value(hashKey)
    this.statistics = new Statistics(buffer)
    this.mutexes = new MapMutexes(owner, buffer, geometry.firstSegment + MUTEX)
    this.writer = new MapWriter(this.reader, this.statistics, clock)
  }

  /** @throws Error after {@link close}. */
  checkOpen(): void {
    if (!this.isOpen) throw disposedError()
  }

  /** Refuses all calls from here on. */
  close(): void {
    this.isOpen = false
    this.statistics.flush()
  }

  /** Puts the key of a call into `key`. @throws Error after {@link close}; TypeError, RangeError if it is no key. */
  take(key: MapKey): void {
    this.checkOpen()
    this.key.take(key)
  }

  /** The segment that has the key. */
  get segment(): number {
    return this.reader.segmentOf(this.key.hash)
  }

  /** All segments. */
  *segments(): Generator<number> {
    const { segments, segmentWords, firstSegment } = this.geometry
    for (let k = 0; k < segments; k++) yield firstSegment + k * segmentWords
  }

  /** The sum of a word of {@link SegmentWord} over all segments. */
  sum(word: number): number {
    let sum = 0
    for (const segment of this.segments()) sum += Atomics.load(this.reader.words, segment + word)
    return sum
  }

  /**
   * Copies the value of the key into `value`. Returns false if the key is not there.
   *
   * @param target - see {@link MapReader.copyValue}.
   */
  copy(target?: Int32Array): boolean {
    const { reader } = this
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const at = reader.look(this.key)
      if (at === NOT_THERE) return false
      if (at === CHANGED) continue
      if (!reader.copyValue(at, this.value, target)) continue
      if (this.hasExpired()) return false
      reader.noteHit(this.key.hash)
      return true
    }
    return this.exclusively(this.segment, (segment) => this.copyLocked(segment))
  }

  /** {@link copy} under the mutex of the key's segment. */
  copyLocked(segment: number): boolean {
    const at = this.find(segment)
    if (at === NOT_THERE) return false
    this.reader.copyLocked(segment, at, this.value)
    return true
  }

  /** Whether the time of the entry that was copied into `value` is over. */
  hasExpired(): boolean {
    const { expiry, highHalves } = this.value
    if ((expiry | (highHalves >>> 16)) === 0) return false
    return clock() >= expiryOf(expiry, highHalves)
  }

  /** When an entry that is stored now expires; 0: never. @throws TypeError, RangeError for options that are not accepted. */
  expiryFor(options: EntryOptions | undefined): number {
    const given = options === undefined ? undefined : checkOptions('options', options, ['ttl']).ttl
    const ttl = checkTtl(given) ?? this.geometry.ttl
    return ttl === 0 ? 0 : Math.ceil(clock() + ttl)
  }

  /** Calls `use` with the mutex of a segment, which is made whole before if its last owner could not. */
  exclusively<Result>(segment: number, use: (segment: number) => Result): Result {
    if (this.mutexes.lock(segment + MUTEX)) this.writer.repair(segment)
    try {
      return use(segment)
    } finally {
      this.mutexes.unlock(segment + MUTEX)
    }
  }

  /** Returns the entry of the key if its time is not over. The caller has the mutex. */
  find(segment: number): number {
    const at = this.writer.find(segment, this.key)
    return at === NOT_THERE || this.writer.isExpired(at) ? NOT_THERE : at
  }

  /** Stores `value` under the key. The caller has the mutex. Returns the version of the entry. */
  put(segment: number, expiry: number): number {
    return this.writer.put(segment, this.key, this.value, expiry)
  }
}
