/**
 * The reading half of a ring: draining it, waiting for more, and the copy of a flight recorder.
 *
 * @module
 */
import { type OpenRing, backend } from './backend.js'
import { LONGEST_RECORD, READ_FRAME, RECORD_FRAME, RingWake, paddedRecord } from './layout.js'
import { remoteError } from './remote-errors.js'
import { type RingRecord, forEachRecord } from './ring-record.js'
import { changed } from './wait-async.js'

const { rings } = backend

/** Bytes that are read at a time. */
const CHUNK = 1 << 16

/** A count that an operation answered. */
function counted(answer: number): number {
  if (answer < 0) throw remoteError(answer, 'ring')
  return answer
}

/** The first bytes of an array, in a buffer of their own: records stay in it as long as somebody wants them. */
function firstOf(bytes: Uint8Array, count: number): Uint8Array {
  return new Uint8Array(bytes.slice(0, count))
}

export class RingReader {
  readonly #ring: OpenRing
  /** Where chunks arrive. */
  #into: Uint8Array | undefined

  constructor(ring: OpenRing) {
    this.#ring = ring
  }

  /** Hands out at most `most` records, and of each CPU no more than there were when its turn came; says how many. */
  drain(callback: (record: RingRecord) => void, most: number): number {
    const { handle, shards } = this.#ring
    counted(rings.claim(handle))
    try {
      let count = 0
      for (let shard = 0; shard <= shards && count < most; shard++) {
        count += this.#drainShard(shard, callback, most - count)
      }
      return count
    } finally {
      rings.release(handle)
    }
  }

  #drainShard(shard: number, callback: (record: RingRecord) => void, most: number): number {
    const { handle, shards } = this.#ring
    this.#into ??= new Uint8Array(Math.max(CHUNK, READ_FRAME + LONGEST_RECORD))
    // What makes no sense is the reading's to say, and to skip.
    const unread = rings.unread(handle, shard)
    let left = unread < 0 ? 1 : unread
    let count = 0
    while (left > 0 && count < most) {
      const length = counted(rings.read(handle, shard, this.#into))
      if (length === 0) break
      let freed = 0
      try {
        forEachRecord(firstOf(this.#into, length), shard === shards, (record) => {
          freed += RECORD_FRAME + paddedRecord(record.bytes.length)
          count++
          callback(record)
          return count < most
        })
      } finally {
        // Also the one at which the callback threw: it would do so for ever.
        rings.free(handle, shard, freed)
      }
      left -= freed
    }
    return count
  }

  /** Whether there is something to drain, if only something that makes no sense. */
  #hasUnread(): boolean {
    const { handle, shards } = this.#ring
    for (let shard = 0; shard <= shards; shard++) if (rings.unread(handle, shard) !== 0) return true
    return false
  }

  /**
   * Waits until there is something to drain, about a slice at most. A writer calls if it sees that somebody
   * waits; the barrier makes sure that it sees it or that what it has written is seen here.
   */
  async wait(): Promise<void> {
    const { wake } = this.#ring
    const calls = Atomics.load(wake, RingWake.calls)
    Atomics.store(wake, RingWake.waiting, 1)
    try {
      rings.barrier()
      if (!this.#hasUnread()) await changed(wake, RingWake.calls, calls)
    } finally {
      Atomics.store(wake, RingWake.waiting, 0)
    }
  }

  /** All records of a flight recorder, in the order of time. */
  snapshot(): RingRecord[] {
    const { handle, shards, capacity } = this.#ring
    const records: RingRecord[] = []
    const into = new Uint8Array(capacity)
    for (let shard = 0; shard <= shards; shard++) {
      const length = counted(rings.snapshot(handle, shard, into))
      forEachRecord(firstOf(into, length), shard === shards, (record) => records.push(record) > 0)
    }
    return records.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }
}

/** What a writer does that sees that somebody waits. */
export function callReader(wake: Int32Array): void {
  Atomics.store(wake, RingWake.waiting, 0)
  Atomics.add(wake, RingWake.calls, 1)
  Atomics.notify(wake, RingWake.calls)
}
