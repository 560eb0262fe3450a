// For programs that compile against these declarations with a target older than esnext.disposable.
/// <reference lib="esnext.disposable" preserve="true" />
import { summary } from '../core/describe.js'
import { checkInteger, rangeError, typeError } from '../core/errors.js'
import {
  EntryWord,
  SegmentWord,
  UNIT_BYTES,
  ValueType,
  byteOffset,
  expiryOf,
  versionOf,
  wordsFor,
} from '../core/map-layout.js'
import { AdoptedBuffer, RegionHolder, bufferFor } from '../runtime/region.js'
import { allEntries } from './chains.js'
import { Fetching } from './fetching.js'
import { geometryIn, newMap } from './memory.js'
import { OpenMap, clock } from './open-map.js'
import type { EntryOptions, MapEntry, MapKey, MapOptions, MapStatistics } from './options.js'
import { NOT_THERE } from './reader.js'
import { Target } from './target.js'

/** When a value is stored: always, if the key is not there, if it is there. */
const Mode = { set: 0, add: 1, replace: 2 } as const
type Mode = (typeof Mode)[keyof typeof Mode]

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
 * Memory: at most `bytes`, of which the index takes 4 to 16 for each of `entries`; see {@link mostEntryBytes} for what an entry takes.
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
  readonly #map = new OpenMap(this, this.buffer, geometryIn(this.buffer))
  readonly #fetching = new Fetching<Stored>(this.#map)
  readonly #target = new Target()

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
    this.#map.checkOpen()
    return this.#map.geometry.mostUnits * UNIT_BYTES
  }

  /** How many entries there are, those whose time is over included. O(parts of the map); outdated when other threads write. */
  get size(): number {
    this.#map.checkOpen()
    return this.#map.sum(SegmentWord.count)
  }

  /**
   * Returns the value of a key, or undefined. O(length of the key and the value); takes no lock, unless writers change what it
   * reads 16 times meanwhile.
   *
   * @returns a string, a number, a new Uint8Array, or a new copy of a structured value.
   * @throws TypeError, RangeError if `key` is none. RegionCorruptError if the entry was overwritten.
   */
  get(key: MapKey): Stored | undefined {
    return this.#read(key) ? (this.#map.value.decode() as Stored) : undefined
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
    const { value } = this.#map
    const { length, type } = value
    if (type > ValueType.utf8) throw typeError('key', 'the key of a Uint8Array or a string', value.decode())
    if (length > bytes.length) throw rangeError('bytes', `at least ${length} bytes`, bytes.length)
    if (!value.isInTarget) this.#target.copy(value, bytes)
    return length
  }

  /** Returns the value of a key with its version and its time to live, or undefined. Costs and errors of {@link get}. */
  entry(key: MapKey): MapEntry<Stored> | undefined {
    if (!this.#read(key)) return undefined
    const { version, expiry, highHalves } = this.#map.value
    const end = expiryOf(expiry, highHalves)
    return {
      value: this.#map.value.decode() as Stored,
      version: versionOf(version, highHalves),
      ttl: end === 0 ? Infinity : Math.max(0, Math.ceil(end - clock())),
    }
  }

  /** Whether a key is there. Costs and errors of {@link get}. */
  has(key: MapKey): boolean {
    return this.#read(key)
  }

  /** Looks a key up, and copies its value. Returns false if the key is not there. */
  #read(key: MapKey, target?: Int32Array): boolean {
    const { statistics } = this.#map
    this.#map.take(key)
    const isThere = this.#map.copy(target)
    if (isThere) statistics.hit()
    else statistics.miss()
    return isThere
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
    return this.#store(Mode.set, key, value, options)
  }

  /** Stores a value if the key is not there. Returns the version of the entry, or undefined. Errors of {@link set}. */
  add(key: MapKey, value: Stored, options?: EntryOptions): number | undefined {
    return this.#store(Mode.add, key, value, options) || undefined
  }

  /** Stores a value if the key is there. Returns the version of the entry, or undefined. Errors of {@link set}. */
  replace(key: MapKey, value: Stored, options?: EntryOptions): number | undefined {
    return this.#store(Mode.replace, key, value, options) || undefined
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
    return this.#store(Mode.replace, key, value, options, version) || undefined
  }

  /** Returns the version, or 0 if the mode forbids to store. */
  #store(mode: Mode, key: MapKey, value: Stored, options?: EntryOptions, version?: number): number {
    const map = this.#map
    map.checkOpen()
    const expiry = map.expiryFor(options)
    // A getter of the value may use the map: so the value is encoded first, and the key taken behind it.
    map.value.encode(value)
    map.take(key)
    if (!map.writer.fits(map.key, map.value)) throw this.#tooLong()
    return map.exclusively(map.segment, (segment) => {
      if (mode !== Mode.set) {
        const at = map.find(segment)
        if ((at !== NOT_THERE) !== (mode === Mode.replace)) return 0
        if (version !== undefined && map.writer.versionOf(at) !== version) return 0
      }
      return map.put(segment, expiry)
    })
  }

  #tooLong(): RangeError {
    const { key, value, geometry } = this.#map
    const bytes = byteOffset(EntryWord.key + wordsFor(key.length) + wordsFor(value.length))
    return rangeError(
      'value',
      `at most ${this.mostEntryBytes} bytes for an entry of a map of ${geometry.bytes}`,
      bytes,
    )
  }

  /** Removes a key. Returns whether it was there. */
  delete(key: MapKey): boolean {
    const map = this.#map
    map.take(key)
    return map.exclusively(map.segment, (segment) => map.writer.remove(segment, map.key))
  }

  /**
   * Adds to a key's number, as one change. A key that is not there counts as 0.
   *
   * @param by - the number to add; by default 1.
   * @returns the new number.
   * @throws TypeError if the key has a value that is no number. Errors of {@link set}.
   */
  increment(key: MapKey, by = 1, options?: EntryOptions): number {
    const map = this.#map
    map.checkOpen()
    if (typeof by !== 'number') throw typeError('by', 'a number', by)
    const expiry = map.expiryFor(options)
    map.take(key)
    return map.exclusively(map.segment, (segment) => {
      const { value } = map
      const isThere = map.copyLocked(segment)
      if (isThere && value.type !== ValueType.number) throw typeError('key', 'the key of a number', key)
      const sum = (isThere ? (value.decode() as number) : 0) + by
      value.encodeNumber(sum)
      map.put(segment, expiry)
      return sum
    })
  }

  /** Gives a key its time to live anew. Returns whether the key is there. Errors of {@link set}. */
  touch(key: MapKey, options?: EntryOptions): boolean {
    const map = this.#map
    map.checkOpen()
    const expiry = map.expiryFor(options)
    map.take(key)
    return map.exclusively(map.segment, (segment) => map.writer.touch(segment, map.key, expiry))
  }

  /** Removes all entries, one by one: others may read some of them until the call returns, or set new ones. O(entries). */
  clear(): void {
    const map = this.#map
    map.checkOpen()
    for (const one of map.segments()) {
      map.exclusively(one, (segment) => {
        map.writer.clear(segment)
      })
    }
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
    this.#map.expiryFor(options)
    const found = this.get(key)
    return found === undefined ? this.#fetching.compute(key, compute, options) : found
  }

  /**
   * Iterates over all entries. It takes no lock. An entry that is there all the time comes once; one that is set or removed
   * meanwhile may come or not.
   */
  entries(): Generator<[MapKey, Stored]> {
    return allEntries(this.#map) as Generator<[MapKey, Stored]>
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

  /** What all threads and processes have counted. O(parts of the map). */
  statistics(): MapStatistics {
    const entries = this.size
    const bytes = this.#map.sum(SegmentWord.live) * UNIT_BYTES
    return { ...this.#map.statistics.totals(), entries, bytes }
  }

  /**
   * Closes what this object has open in this thread now instead of when the object is collected. Other objects on the buffer are
   * not affected; every later operation of this object throws an Error. What `fetch` computes is returned and not stored. The
   * second call does nothing.
   */
  override [Symbol.dispose](): void {
    if (!this.#map.isOpen) return
    this.#map.close()
    this.#fetching.close()
    super[Symbol.dispose]()
  }

  /** @internal */
  override [summary](): object {
    const { entries, bytes, ttl } = this.#map.geometry
    return { entries, bytes, ttl, size: this.size }
  }
}
