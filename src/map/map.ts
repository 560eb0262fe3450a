// For programs that compile against these declarations with a target older than esnext.disposable.
/// <reference lib="esnext.disposable" preserve="true" />
import { performance } from 'node:perf_hooks'
import { summary } from '../core/describe.js'
import { checkInteger, disposedError, rangeError, typeError } from '../core/errors.js'
import { Kind, LOCK_LENGTH } from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { backend } from '../runtime/backend.js'
import { checkOpen, isDisposed } from '../runtime/disposal.js'
import {
  AdoptedBuffer,
  RegionHolder,
  bufferFor,
  checkBuffer,
  formatRegion,
  newMemory,
} from '../runtime/region.js'
import { changed } from '../runtime/wait-async.js'
import { type Mark, NOBODY, Seat } from './computing.js'
import { Key, keyFrom } from './key.js'
import {
  A_MAP,
  COMPUTING,
  EntryWord,
  type Geometry,
  MUTEX_BYTES,
  type MapShape,
  NOWHERE,
  SegmentWord,
  UNIT_BYTES,
  ValueType,
  checkShape,
  checkTtl,
  expiryOf,
  geometryOf,
  hashKeyOf,
  keyBytesOf,
  kindOf,
  mutexOffsets,
  readHeader,
  versionOf,
  wordsFor,
  writeHeader,
} from '../core/map-layout.js'
import { MapMutexes } from './mutexes.js'
import { CHANGED, MapReader, NOT_THERE } from './reader.js'
import { Statistics } from './statistics.js'
import { Target } from './target.js'
import { Value } from './value.js'
import { MapWriter } from './writer.js'

/** How often a reader begins again before it takes the mutex of those who write. */
const ATTEMPTS = 16
/** Positions and counts of {@link SegmentWord} that this module uses. */
const { count: COUNT, mutex: MUTEX, settled: SETTLED } = SegmentWord
const ONE_ENTRY = 1
/** How long a task waits, at first and at most, before it looks whether another process has computed a value. */
const FIRST_LOOK_MS = 1
const LAST_LOOK_MS = 50

/** A key of a {@link SharedMap}: at most 4,096 bytes, a string's in UTF-8. A string and bytes are never one key. */
export type MapKey = string | Uint8Array

/** Options of a new {@link SharedMap}. */
export interface MapOptions {
  /**
   * How many entries the map is made for. It keeps at least so many if `bytes` suffice, and at most a quarter more; of few
   * thousand, at most twice as many.
   */
  entries: number
  /** The most bytes of shared memory that the map takes, 65,536 to 2**32: all of them from the beginning. */
  bytes: number
  /** How many milliseconds an entry lives if its `set` does not say otherwise; by default 0: until it is evicted. */
  ttl?: number
}

/** Options of the methods of a {@link SharedMap} that store a value. */
export interface EntryOptions {
  /** How many milliseconds the entry lives: an integer from 0 to 2**40; 0: until it is evicted. By default the map's. */
  ttl?: number
}

/** An entry of a {@link SharedMap}. */
export interface MapEntry<Stored> {
  /** A string, a number, a new Uint8Array, or a new copy of a structured value. */
  readonly value: Stored
  /** Increases with every value that the key gets. {@link SharedMap.update} takes it. */
  readonly version: number
  /** How many milliseconds the entry still lives; Infinity if it lives until it is evicted. */
  readonly ttl: number
}

/** What a {@link SharedMap} has counted, of all threads and processes. */
export interface MapStatistics {
  /** Lookups that found a value. Each thread adds its lookups after each 256 of them, and when it asks. */
  readonly hits: number
  /** Lookups that found none. */
  readonly misses: number
  /** Entries that gave way to others before their time. */
  readonly evictions: number
  /** Entries that gave way because their time was over. */
  readonly expirations: number
  /** Calls of `fetch` that waited for another thread's value and got it: computations that were saved. */
  readonly waits: number
  /** How often a part of the map was made whole after a thread or process had ended within a change. */
  readonly repairs: number
  /** Entries that are there now, those whose time is over included. */
  readonly entries: number
  /** Bytes of the entries that are there now, with keys, values and 32 bytes each. */
  readonly bytes: number
}

const OPTIONS = ['entries', 'bytes', 'ttl'] as const
const MODES = { set: 0, add: 1, replace: 2 } as const
type Mode = (typeof MODES)[keyof typeof MODES]

/** Returns the shape of a new map. @throws TypeError, RangeError that name the wrong option. */
export function mapShape(options: MapOptions): MapShape {
  const { entries, bytes, ttl } = checkOptions('options', options, OPTIONS)
  const shape = checkShape(entries, bytes, ttl)
  geometryOf(shape)
  return shape
}

/** Writes a new, empty map into zeroed memory. */
export function formatMap(buffer: SharedArrayBuffer, geometry: Geometry, maker = backend): void {
  for (const offset of mutexOffsets(geometry)) {
    const bytes = new Uint8Array(buffer, offset, MUTEX_BYTES)
    formatRegion(bytes, Kind.mutex, LOCK_LENGTH, 'i64', 'cpu', 1, undefined, maker)
  }
  writeHeader(buffer, geometry)
}

function newMap(options: MapOptions): SharedArrayBuffer {
  const geometry = geometryOf(mapShape(options))
  const buffer = newMemory(geometry.totalBytes, ['bytes', geometry.bytes])
  formatMap(buffer, geometry)
  return buffer
}

function geometryIn(buffer: unknown): Geometry {
  checkBuffer(buffer, A_MAP)
  return readHeader(buffer)
}

/** The difference between the clock that all threads and processes share and this thread's `performance`, in milliseconds. */
const clockOffset = Number(backend.now()) / 1e6 - performance.now()

/** The time of the map's clock in milliseconds: CLOCK_MONOTONIC, which nobody can set. */
function clock(): number {
  return performance.now() + clockOffset
}

/**
 * Keys and values that all worker threads share, and processes too (`rseq/shared`): a cache that is there once, instead of once
 * in each worker.
 *
 * {@link get} takes no lock and writes no memory that other threads read. Writers of one part of the map, some ten of which there
 * are, take turns. When the map is full, entries that nobody has asked for since they were written, or since they were last spared,
 * give way to new ones. `get`, `set`, `add`, `replace`, `update`, `delete`, `increment` and `touch` of one key are linearisable;
 * a reader sees everything that a writer did before its `set` (release and acquire). A thread or process may end at any
 * instruction: others go on, and see each key as before or after its change.
 *
 * Memory: at most `bytes`. An entry takes 32 bytes beside its key and value, each rounded up to words of 4 bytes; and the index
 * 4 to 16 bytes for each of `entries`. The largest entry is {@link mostEntryBytes} long.
 *
 * @example
 * ```ts
 * const cache = new SharedMap({ entries: 100_000, bytes: 64 << 20, ttl: 60_000 }) // elsewhere SharedMap.from(buffer)
 * cache.set('user:17', { name: 'Ada' })
 * cache.get('user:17') // { name: 'Ada' }, in every thread
 * const page = await cache.fetch('/', async () => render('/')) // computed once, whoever asks
 * ```
 */
export class SharedMap<Stored = unknown> extends RegionHolder {
  readonly #reader = new MapReader(this.buffer, geometryIn(this.buffer))
  readonly #words = this.#reader.words
  readonly #key = new Key(hashKeyOf(this.#words))
  readonly #target = new Target()
  readonly #value = new Value(hashKeyOf(this.#words))
  readonly #statistics = new Statistics(this.buffer)
  readonly #mutexes = new MapMutexes(this, this.buffer, this.#reader.geometry.firstSegment + MUTEX)
  readonly #writer = new MapWriter(this.#reader, this.#statistics, clock)
  readonly #seat = new Seat(this.#words, this.#mutexes, this.#reader.geometry.seats)
  /** The computations of this object that go on, by their keys. */
  readonly #computations = new Map<string, Promise<Stored>>()
  #isOpen = true

  /**
   * Makes an empty map.
   *
   * @throws TypeError, RangeError that name the wrong option; RangeError if the memory is not available.
   */
  constructor(options: MapOptions) {
    super(bufferFor('SharedMap', [options], () => newMap(options)))
  }

  /**
   * Opens the map that another thread made.
   *
   * @param buffer - its `buffer`, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer, RangeError if it holds something else, or is damaged.
   */
  static from<Stored = unknown>(buffer: SharedArrayBuffer): SharedMap<Stored> {
    return new SharedMap<Stored>(new AdoptedBuffer(buffer) as unknown as MapOptions)
  }

  /** The longest entry in bytes: its key and its value, each rounded up to whole words of 4 bytes, and 32 bytes. */
  get mostEntryBytes(): number {
    this.#checkOpen()
    return this.#mostEntryBytes
  }

  get #mostEntryBytes(): number {
    return this.#reader.geometry.mostUnits * UNIT_BYTES
  }

  /** How many entries there are, those whose time is over included. O(parts of the map); outdated when other threads write. */
  get size(): number {
    this.#checkOpen()
    return this.#sum(COUNT)
  }

  #sum(word: number): number {
    const { segments, segmentWords, firstSegment } = this.#reader.geometry
    let sum = 0
    for (let k = 0; k < segments; k++)
      sum += Atomics.load(this.#words, firstSegment + k * segmentWords + word)
    return sum
  }

  /**
   * Returns the value of a key, or undefined. O(length of the key and the value); takes no lock, unless writers change what it
   * reads 16 times meanwhile.
   *
   * @returns a string, a number, a new Uint8Array, or a new copy of a structured value.
   * @throws TypeError, RangeError if `key` is none. RegionCorruptError if the entry was overwritten.
   */
  get(key: MapKey): Stored | undefined {
    return this.#read(key) ? (this.#value.decode() as Stored) : undefined
  }

  /**
   * Copies the bytes of a key's value to the beginning of `bytes`, without making an object.
   *
   * @returns how many bytes the value has; -1 if the key is not there.
   * @throws RangeError if `bytes` is too short: nothing is copied. TypeError if the value has no bytes: it is no Uint8Array and
   *   no string.
   */
  getInto(key: MapKey, bytes: Uint8Array): number {
    if (!this.#read(key, this.#target.wordsOf(bytes))) return -1
    const { length, type } = this.#value
    if (type > ValueType.utf8)
      throw typeError('key', 'the key of a Uint8Array or a string', this.#value.decode())
    if (length > bytes.length) throw rangeError('bytes', `at least ${length} bytes`, bytes.length)
    if (!this.#value.isInTarget) this.#target.copy(this.#value, bytes)
    return length
  }

  /** Returns the value of a key with its version and its time to live, or undefined. Costs and errors of {@link get}. */
  entry(key: MapKey): MapEntry<Stored> | undefined {
    if (!this.#read(key)) return undefined
    const { version, expiry, highHalves } = this.#value
    const end = expiryOf(expiry, highHalves)
    return {
      value: this.#value.decode() as Stored,
      version: versionOf(version, highHalves),
      ttl: end === 0 ? Infinity : Math.max(0, Math.ceil(end - clock())),
    }
  }

  /** Whether a key is there. Costs and errors of {@link get}. */
  has(key: MapKey): boolean {
    return this.#read(key)
  }

  /** Copies the value of a key into `#value`. Returns false if the key is not there. */
  #read(key: MapKey, target?: Int32Array): boolean {
    if (!this.#isOpen) throw disposedError()
    this.#key.take(key)
    const isThere = this.#copy(target)
    if (isThere) this.#statistics.hit()
    else this.#statistics.miss()
    return isThere
  }

  #copy(target?: Int32Array): boolean {
    const reader = this.#reader
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const at = reader.look(this.#key)
      if (at === NOT_THERE) return false
      if (at === CHANGED) continue
      if (!reader.copyValue(at, this.#value, target)) continue
      if (this.#hasExpired()) return false
      reader.noteHit(this.#key.hash)
      return true
    }
    return this.#copyLocked()
  }

  /** Whether the time of the entry that was copied into `#value` is over. */
  #hasExpired(): boolean {
    const { expiry, highHalves } = this.#value
    if ((expiry | (highHalves >>> 16)) === 0) return false
    return clock() >= expiryOf(expiry, highHalves)
  }

  #copyLocked(): boolean {
    const segment = this.#lock()
    try {
      const at = this.#find(segment)
      if (at === NOT_THERE) return false
      return this.#reader.copyLocked(segment, at, this.#value)
    } finally {
      this.#unlock(segment)
    }
  }

  /** Takes the mutex of the segment of `#key`, and makes it whole if its last owner could not. Returns the segment. */
  #lock(): number {
    const segment = this.#reader.segmentOf(this.#key.hash)
    this.#lockSegment(segment)
    return segment
  }

  #lockSegment(segment: number): void {
    if (this.#mutexes.lock(segment + MUTEX)) this.#writer.repair(segment)
  }

  #unlock(segment: number): void {
    this.#mutexes.unlock(segment + MUTEX)
  }

  /** Returns the entry of `#key` if its time is not over. */
  #find(segment: number): number {
    const at = this.#writer.find(segment, this.#key)
    return at === NOT_THERE || this.#writer.isExpired(at) ? NOT_THERE : at
  }

  /**
   * Stores a value, in place of the key's former one. O(length of the key and the value), and what making room takes.
   *
   * @param value - a string, a number, a Uint8Array, or anything that the structured clone algorithm takes, apart from undefined.
   * @returns the version of the entry.
   * @throws RangeError if key and value are longer than {@link mostEntryBytes}; TypeError, RangeError for a key or an option that is
   *   not accepted; the errors of structured cloning.
   */
  set(key: MapKey, value: Stored, options?: EntryOptions): number {
    return this.#store(MODES.set, key, value, options)
  }

  /** Stores a value if the key is not there. Returns the version of the entry, or undefined. Errors of {@link set}. */
  add(key: MapKey, value: Stored, options?: EntryOptions): number | undefined {
    return this.#store(MODES.add, key, value, options) || undefined
  }

  /** Stores a value if the key is there. Returns the version of the entry, or undefined. Errors of {@link set}. */
  replace(key: MapKey, value: Stored, options?: EntryOptions): number | undefined {
    return this.#store(MODES.replace, key, value, options) || undefined
  }

  /**
   * Stores a value if nobody has since the caller read the key: compare and set.
   *
   * @param version - the `version` of {@link entry}, or what the last `set` returned.
   * @returns the new version of the entry; undefined if the key has another version, or is not there.
   * @throws the errors of {@link set}; TypeError, RangeError if `version` is no integer.
   */
  update(key: MapKey, version: number, value: Stored, options?: EntryOptions): number | undefined {
    checkInteger('version', version, 0, Number.MAX_SAFE_INTEGER)
    return this.#store(MODES.replace, key, value, options, version) || undefined
  }

  #expiryFor(options: EntryOptions | undefined): number {
    const given = options === undefined ? undefined : checkOptions('options', options, ['ttl']).ttl
    const ttl = checkTtl(given) ?? this.#reader.geometry.ttl
    return ttl === 0 ? 0 : Math.ceil(clock() + ttl)
  }

  /** Returns the version, or 0 if the mode forbids to store. */
  #store(mode: Mode, key: MapKey, value: Stored, options?: EntryOptions, version?: number): number {
    if (!this.#isOpen) throw disposedError()
    const expiry = this.#expiryFor(options)
    // A getter of the value may use the map: so the value is encoded first, and the key taken behind it.
    this.#value.encode(value)
    this.#key.take(key)
    if (!this.#writer.fits(this.#key, this.#value)) throw this.#tooLong()
    return this.#put(mode, expiry, version)
  }

  /** Stores `#value` under `#key`; answers like {@link #store}. */
  #put(mode: Mode, expiry: number, version?: number): number {
    const segment = this.#lock()
    try {
      if (mode !== MODES.set) {
        const at = this.#find(segment)
        if ((at !== NOT_THERE) !== (mode === MODES.replace)) return 0
        if (version !== undefined && this.#writer.versionOf(at) !== version) return 0
      }
      return this.#writer.put(segment, this.#key, this.#value, expiry)
    } finally {
      this.#unlock(segment)
    }
  }

  #tooLong(): RangeError {
    const bytes = 4 * (EntryWord.key + wordsFor(this.#key.length) + wordsFor(this.#value.length))
    return rangeError(
      'value',
      `at most ${this.#mostEntryBytes} bytes for an entry of a map of ${this.#reader.geometry.bytes}`,
      bytes,
    )
  }

  /** Removes a key. Returns whether it was there. */
  delete(key: MapKey): boolean {
    if (!this.#isOpen) throw disposedError()
    this.#key.take(key)
    const segment = this.#lock()
    try {
      return this.#writer.remove(segment, this.#key)
    } finally {
      this.#unlock(segment)
    }
  }

  /**
   * Adds to a key's number, as one change. A key that is not there counts as 0.
   *
   * @param by - the number to add; by default 1.
   * @returns the new number.
   * @throws TypeError if the key has a value that is no number. Errors of {@link set}.
   */
  increment(key: MapKey, by: number = ONE_ENTRY, options?: EntryOptions): number {
    if (!this.#isOpen) throw disposedError()
    if (typeof by !== 'number') throw typeError('by', 'a number', by)
    const expiry = this.#expiryFor(options)
    this.#key.take(key)
    const segment = this.#lock()
    try {
      const at = this.#find(segment)
      let former = 0
      if (at !== NOT_THERE) {
        this.#reader.copyLocked(segment, at, this.#value)
        if (this.#value.type !== ValueType.number) throw typeError('key', 'the key of a number', key)
        former = this.#value.decode() as number
      }
      this.#value.encodeNumber(former + by)
      this.#writer.put(segment, this.#key, this.#value, expiry)
      return former + by
    } finally {
      this.#unlock(segment)
    }
  }

  /** Gives a key its time to live anew. Returns whether the key is there. Errors of {@link set}. */
  touch(key: MapKey, options?: EntryOptions): boolean {
    if (!this.#isOpen) throw disposedError()
    const expiry = this.#expiryFor(options)
    this.#key.take(key)
    const segment = this.#lock()
    try {
      return this.#writer.touch(segment, this.#key, expiry)
    } finally {
      this.#unlock(segment)
    }
  }

  /** Removes all entries, one by one: others may read some of them until the call returns, or set new ones. O(entries). */
  clear(): void {
    this.#checkOpen()
    for (const segment of this.#segments()) {
      this.#lockSegment(segment)
      try {
        this.#writer.clear(segment)
      } finally {
        this.#unlock(segment)
      }
    }
  }

  *#segments(): Generator<number> {
    const { segments, segmentWords, firstSegment } = this.#reader.geometry
    for (let k = 0; k < segments; k++) yield firstSegment + k * segmentWords
  }

  /**
   * Returns the value of a key; if it is not there, the one that `compute` returns, and stores it. While one thread or process
   * computes the value of a key, the others wait for it. If it ends or throws, one of them computes the value.
   *
   * @param compute - called at most once at a time for each key, in all threads and processes that have the map open. More than
   *   64 threads that compute at a time (8 in a map of less than a megabyte) do not know of each other.
   * @returns a promise of the value. A value that is longer than {@link mostEntryBytes} is returned and not stored.
   * @throws what `compute` throws: to all calls of this object that wait for it. The errors of {@link set}.
   */
  async fetch(
    key: MapKey,
    compute: () => Stored | PromiseLike<Stored>,
    options?: EntryOptions,
  ): Promise<Stored> {
    if (typeof compute !== 'function') throw typeError('compute', 'a function', compute)
    this.#expiryFor(options)
    const found = this.get(key)
    if (found !== undefined) return found
    const name = typeof key === 'string' ? `text ${key}` : `bytes ${Buffer.from(key).toString('latin1')}`
    const going = this.#computations.get(name)
    if (going !== undefined) {
      this.#statistics.add('waits')
      return going
    }
    const own = typeof key === 'string' ? key : Uint8Array.from(key)
    const computation = this.#computeOnce(own, compute, options).finally(() => {
      this.#computations.delete(name)
    })
    this.#computations.set(name, computation)
    return computation
  }

  async #computeOnce(
    key: MapKey,
    compute: () => Stored | PromiseLike<Stored>,
    options: EntryOptions | undefined,
  ): Promise<Stored> {
    const mark = await this.#claimOrWait(key)
    try {
      // Another thread may have stored the value before this one made its mark.
      if (this.#peek(key)) {
        this.#statistics.add('waits')
        return this.#value.decode() as Stored
      }
      const value = await compute()
      this.#keep(key, value, options)
      return value
    } finally {
      if (mark !== undefined) this.#settle(key, mark)
    }
  }

  /** Copies the value of a key into `#value` without counting a lookup. Returns false if the key is not there. */
  #peek(key: MapKey): boolean {
    if (!this.#isOpen) throw disposedError()
    this.#key.take(key)
    return this.#copy()
  }

  /** Waits until the value is there, or this thread has marked that it computes it. Returns the mark, if there is one. */
  async #claimOrWait(key: MapKey): Promise<Mark | undefined> {
    for (let patience = FIRST_LOOK_MS; ; patience = Math.min(2 * patience, LAST_LOOK_MS)) {
      const mark = this.#seat.begin()
      if (mark === undefined || this.#claim(key, mark)) return mark
      this.#seat.end()
      const settled = this.#reader.segmentOf(this.#key.hash) + SETTLED
      const seen = Atomics.load(this.#words, settled)
      if (this.#peek(key)) return undefined
      await changed(this.#words, settled, seen, patience)
    }
  }

  /** Marks that this thread computes a value. Returns false if another one does. */
  #claim(key: MapKey, mark: Mark): boolean {
    this.#key.take(key)
    this.#key.becomeMark()
    const segment = this.#lock()
    try {
      if (this.#seat.isValid(this.#markIn(segment))) return false
      this.#value.encodePair(mark.seat, mark.generation)
      this.#writer.put(segment, this.#key, this.#value, 0)
      return true
    } finally {
      this.#unlock(segment)
    }
  }

  /** The mark of `#key`; one of nobody if there is none. */
  #markIn(segment: number): Mark {
    const at = this.#writer.find(segment, this.#key)
    if (at === NOT_THERE) return NOBODY
    this.#reader.copyLocked(segment, at, this.#value)
    const [seat, generation] = this.#value.words as unknown as [number, number]
    return { seat, generation }
  }

  /** Stores a computed value, if it is not too long. */
  #keep(key: MapKey, value: Stored, options: EntryOptions | undefined): void {
    if (!this.#isOpen) return
    const expiry = this.#expiryFor(options)
    this.#value.encode(value)
    this.#key.take(key)
    if (this.#writer.fits(this.#key, this.#value)) this.#put(MODES.set, expiry)
  }

  /** Removes this thread's mark, and wakes who waits for the value. */
  #settle(key: MapKey, mark: Mark): void {
    if (!this.#isOpen) return
    this.#key.take(key)
    this.#key.becomeMark()
    const segment = this.#lock()
    try {
      const { seat, generation } = this.#markIn(segment)
      // It is another one's if this one was evicted.
      if (seat === mark.seat && generation === mark.generation) this.#writer.remove(segment, this.#key)
    } finally {
      this.#unlock(segment)
    }
    this.#seat.end()
    Atomics.add(this.#words, segment + SETTLED, 1)
    Atomics.notify(this.#words, segment + SETTLED)
  }

  /**
   * Iterates over all entries. It takes no lock. An entry that is there all the time comes once; one that is set or removed
   * meanwhile may come or not.
   */
  *entries(): Generator<[MapKey, Stored]> {
    for (const segment of this.#segments()) {
      for (let bucket = 0; bucket < this.#reader.geometry.buckets; bucket++) {
        yield* this.#entriesOf(segment, segment + SegmentWord.buckets + bucket)
      }
    }
  }

  /** Iterates over all keys, as {@link entries} does. */
  *keys(): Generator<MapKey> {
    for (const [key] of this.entries()) yield key
  }

  /** Iterates over all values, as {@link entries} does. */
  *values(): Generator<Stored> {
    for (const [, value] of this.entries()) yield value
  }

  /** Iterates over all entries: {@link entries}. */
  [Symbol.iterator](): Generator<[MapKey, Stored]> {
    return this.entries()
  }

  /** The entries of one chain at one moment. */
  #entriesOf(segment: number, bucket: number): [MapKey, Stored][] {
    this.#checkOpen()
    if (Atomics.load(this.#words, bucket) === NOWHERE) return []
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = this.#tryEntriesOf(segment, bucket)
      if (found !== undefined) return found
    }
    this.#lockSegment(segment)
    try {
      return this.#tryEntriesOf(segment, bucket) ?? []
    } finally {
      this.#unlock(segment)
    }
  }

  #tryEntriesOf(segment: number, bucket: number): [MapKey, Stored][] | undefined {
    const found: [MapKey, Stored][] = []
    const reader = this.#reader
    const first = reader.enter(segment, bucket)
    let position = first
    while (position !== NOWHERE) {
      if (found.length > reader.geometry.quota) return undefined
      const at = reader.goTo(position)
      const lengths = this.#words[at + EntryWord.lengths] as number
      const next = this.#words[at + EntryWord.next] as number
      if (!reader.copyValue(at, this.#value)) return undefined
      const isShown = kindOf(lengths) < COMPUTING && !this.#hasExpired()
      if (isShown) {
        const value = this.#value.decode() as Stored
        if (!reader.copyKey(at, keyBytesOf(lengths), this.#value)) return undefined
        found.push([keyFrom(this.#value.bytes.subarray(0, keyBytesOf(lengths)), kindOf(lengths)), value])
      }
      if (next !== NOWHERE && ((next - position) | 0) >= 0) return undefined
      position = next
    }
    return Atomics.load(this.#words, bucket) === first ? found : undefined
  }

  /** What all threads and processes have counted. O(parts of the map). */
  statistics(): MapStatistics {
    this.#checkOpen()
    return {
      ...this.#statistics.totals(),
      entries: this.size,
      bytes: this.#sum(SegmentWord.live) * UNIT_BYTES,
    }
  }

  /**
   * Closes what this object has open in this thread now instead of when the object is collected. Other objects on the buffer are
   * not affected; every later operation of this object throws an Error. What `fetch` computes is returned and not stored. The
   * second call does nothing.
   */
  override [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#statistics.flush()
    this.#seat.leave()
    super[Symbol.dispose]()
  }

  #checkOpen(): void {
    if (!this.#isOpen || isDisposed(this)) throw disposedError()
  }

  /** @internal */
  override [summary](): object {
    checkOpen(this)
    const { entries, bytes, ttl } = this.#reader.geometry
    return { entries, bytes, ttl, size: this.size }
  }
}
