/**
 * `fetch` of a map: values that one thread or process computes for all.
 *
 * @module
 */
import { SegmentWord } from '../core/map-layout.js'
import { changed } from '../runtime/wait-async.js'
import { type Mark, NOBODY, Seat } from './computing.js'
import type { OpenMap } from './open-map.js'
import type { EntryOptions, MapKey } from './options.js'
import { NOT_THERE } from './reader.js'

const { settled: SETTLED } = SegmentWord
/** How long a task waits, at first and at most, before it looks whether another process has computed a value. */
const FIRST_LOOK_MS = 1
const LAST_LOOK_MS = 50

/** The computations of one object. */
export class Fetching<Stored> {
  readonly #map: OpenMap
  readonly #seat: Seat
  /** Those that go on, by their keys. */
  readonly #going = new Map<string, Promise<Stored>>()

  constructor(map: OpenMap) {
    this.#map = map
    this.#seat = new Seat(map.reader.words, map.mutexes, map.geometry.seats)
  }

  /** Ends all that others wait for. What goes on is returned to its callers, and not stored. */
  close(): void {
    this.#seat.leave()
  }

  /** Returns the value of a key that was not there a moment ago. */
  async compute(
    key: MapKey,
    compute: () => Stored | PromiseLike<Stored>,
    options: EntryOptions | undefined,
  ): Promise<Stored> {
    const name = typeof key === 'string' ? `text ${key}` : `bytes ${Buffer.from(key).toString('latin1')}`
    const going = this.#going.get(name)
    if (going !== undefined) {
      this.#map.statistics.add('waits')
      return going
    }
    // The caller may change its bytes meanwhile.
    const own = typeof key === 'string' ? key : Uint8Array.from(key)
    const computation = this.#computeOnce(own, compute, options).finally(() => {
      this.#going.delete(name)
    })
    this.#going.set(name, computation)
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
      if (this.#isThere(key)) {
        this.#map.statistics.add('waits')
        return this.#map.value.decode() as Stored
      }
      const value = await compute()
      this.#keep(key, value, options)
      return value
    } finally {
      if (mark !== undefined) this.#settle(key, mark)
    }
  }

  /** Copies the value of a key, without counting a lookup. Returns false if the key is not there. */
  #isThere(key: MapKey): boolean {
    this.#map.take(key)
    return this.#map.copy()
  }

  /** Waits until the value is there, or this thread has marked that it computes it. Returns the mark, if there is one. */
  async #claimOrWait(key: MapKey): Promise<Mark | undefined> {
    const { words } = this.#map.reader
    for (let patience = FIRST_LOOK_MS; ; patience = Math.min(2 * patience, LAST_LOOK_MS)) {
      const mark = this.#seat.begin()
      if (mark === undefined || this.#claim(key, mark)) return mark
      this.#seat.end()
      const settled = this.#map.segment + SETTLED
      const seen = Atomics.load(words, settled)
      if (this.#isThere(key)) return undefined
      await changed(words, settled, seen, patience)
    }
  }

  /** Marks that this thread computes a value. Returns false if another one does. */
  #claim(key: MapKey, mark: Mark): boolean {
    return this.#withMark(key, (segment) => {
      if (this.#seat.isValid(this.#markIn(segment))) return false
      this.#map.value.encodePair(mark.seat, mark.generation)
      this.#map.put(segment, 0)
      return true
    })
  }

  /** Calls `use` for the mark of a key, with the mutex of its segment. */
  #withMark<Result>(key: MapKey, use: (segment: number) => Result): Result {
    this.#map.take(key)
    this.#map.key.becomeMark()
    return this.#map.exclusively(this.#map.segment, use)
  }

  /** The mark that is there; one of nobody if there is none. */
  #markIn(segment: number): Mark {
    const { reader, writer, key, value } = this.#map
    const at = writer.find(segment, key)
    if (at === NOT_THERE) return NOBODY
    reader.copyLocked(segment, at, value)
    const [seat, generation] = value.words as unknown as [number, number]
    return { seat, generation }
  }

  /** Stores a computed value, if it is not too long. */
  #keep(key: MapKey, value: Stored, options: EntryOptions | undefined): void {
    const map = this.#map
    if (!map.isOpen) return
    const expiry = map.expiryFor(options)
    map.value.encode(value)
    map.take(key)
    if (map.writer.fits(map.key, map.value))
      map.exclusively(map.segment, (segment) => map.put(segment, expiry))
  }

  /** Removes this thread's mark, and wakes who waits for the value. */
  #settle(key: MapKey, mark: Mark): void {
    const { reader, writer, isOpen } = this.#map
    if (!isOpen) return
    this.#withMark(key, (segment) => {
      const { seat, generation } = this.#markIn(segment)
      // It is another one's if this one was evicted.
      if (seat === mark.seat && generation === mark.generation) writer.remove(segment, this.#map.key)
    })
    this.#seat.end()
    const settled = this.#map.segment + SETTLED
    Atomics.add(reader.words, settled, 1)
    Atomics.notify(reader.words, settled)
  }
}
