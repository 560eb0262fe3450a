/**
 * The reading half of a ring: it drains the ring, waits for records, and copies a flight recorder.
 *
 * @module
 */
import type { OpenRing } from '../core/contract.js'
import { backend } from '../runtime/backend.js'
import { RingWake, Status } from '../core/layout.js'
import { remoteError } from '../runtime/remote-errors.js'
import { Chunk, type RingRecord } from './ring-record.js'
import { changed } from '../runtime/wait-async.js'

const { rings } = backend

/** The most bytes that one read copies. The longest record fits. */
const CHUNK = 1 << 16

/** Returns the count that an operation answered, or throws the error that it answered as a negated status. */
function counted(answer: number): number {
  if (answer >= 0) return answer
  switch (-answer) {
    case Status.contended:
      throw new Error('rseq: another thread is reading the ring and did not end for ten seconds')
    case Status.heldAlready:
      throw new Error(
        'rseq: this thread is reading the ring already: in a callback of drain(), or by an iteration over another object',
      )
    case Status.notOwner:
      throw new Error('rseq: this thread is not the reader of the ring any more: another has taken over')
    default:
      throw remoteError(answer, 'ring')
  }
}

/**
 * Releases the claim of an iteration that was garbage-collected together with its ring before it ended. Otherwise the thread
 * would stay the reader until it ends. The next reader gets the records again whose room was not given back.
 */
const dropped = new FinalizationRegistry<OpenRing>(({ handle }) => {
  rings.release(handle)
})

export class RingReader {
  readonly #ring: OpenRing
  #chunk: Chunk | undefined
  /** The time of the last record that each shard handed out. */
  readonly #times: bigint[] = []
  /** Whether {@link drain} has the claim of the reader. */
  #isDraining = false
  /** The bytes that {@link drain} has handed out of a shard without giving back their room. */
  #drained = { shard: 0, bytes: 0 }
  /** The iteration that has begun and not ended. */
  #pending: Generator<RingRecord, void, undefined> | undefined

  constructor(ring: OpenRing) {
    this.#ring = ring
  }

  /**
   * Hands out at most `most` records, and of each CPU only those that it held when its turn came. Returns the number of
   * records.
   */
  drain(callback: (record: RingRecord) => void, most: number): number {
    const { shards } = this.#ring
    this.#claim()
    this.#isDraining = true
    try {
      let count = 0
      for (let shard = 0; shard <= shards && count < most && this.#goesOn(); shard++) {
        count += this.#drainShard(shard, callback, most - count)
      }
      return count
    } finally {
      this.#endDrain()
    }
  }

  /**
   * Returns false if a callback has disposed of the object. It is a method because TypeScript would assume that the field
   * keeps its value during a callback.
   */
  #goesOn(): boolean {
    return this.#isDraining
  }

  #endDrain(): void {
    if (!this.#isDraining) return
    this.#isDraining = false
    this.#giveBack()
    rings.release(this.#ring.handle)
  }

  /** Gives back the room of the records that {@link drain} has handed out, and returns the number of bytes. */
  #giveBack(): number {
    const { shard, bytes } = this.#drained
    this.#drained.bytes = 0
    if (bytes > 0) rings.free(this.#ring.handle, shard, bytes)
    return bytes
  }

  /** Ends the drain and the iteration of this object. The record that was handed out last counts as read. */
  close(): void {
    this.endIteration()
    this.#endDrain()
  }

  /** Ends the running iteration of this object, if any. The record that it handed out last counts as read. */
  endIteration(): void {
    this.#pending?.return()
  }

  /** Makes this thread the reader of the ring; ends a running iteration of this object first. */
  #claim(): void {
    this.endIteration()
    counted(rings.claim(this.#ring.handle))
  }

  /**
   * Returns the number of unread bytes of a shard. Returns 1 if the shard's words are damaged, so that the caller reads the
   * shard: the read reports the damage and skips it.
   */
  #unread(shard: number): number {
    const unread = rings.unread(this.#ring.handle, shard)
    return unread < 0 ? 1 : unread
  }

  /** Reads the oldest records of a shard. Returns undefined if the shard has no records. */
  #read(shard: number): Chunk | undefined {
    const { handle, shards } = this.#ring
    this.#chunk ??= new Chunk(CHUNK)
    const length = counted(rings.read(handle, shard, this.#chunk.bytes))
    this.#chunk.begin(length, shard === shards, this.#times[shard] ?? 0n)
    return length === 0 ? undefined : this.#chunk
  }

  #drainShard(shard: number, callback: (record: RingRecord) => void, most: number): number {
    let left = this.#unread(shard)
    let count = 0
    this.#drained.shard = shard
    while (left > 0 && count < most && this.#goesOn()) {
      const chunk = this.#read(shard)
      if (chunk === undefined) break
      try {
        for (let record = chunk.next(); record !== undefined; record = chunk.next()) {
          this.#drained.bytes += chunk.size
          count++
          callback(record)
          if (count >= most || !this.#goesOn()) break
        }
      } finally {
        this.#times[shard] = chunk.time
        // This includes the record at which the callback threw; otherwise every later drain would throw at it again.
        left -= this.#giveBack()
      }
    }
    return count
  }

  /**
   * Returns a generator of the records that the ring holds. A record's room is given back when the loop asks for the next
   * record or ends the generator. If the thread is terminated before that, the next reader gets the record again. The thread
   * is the reader until the generator ends, which happens early if another read of this object begins.
   */
  handOut(): Generator<RingRecord, void, undefined> {
    this.#claim()
    this.#pending = this.#handOut()
    dropped.register(this, this.#ring, this)
    return this.#pending
  }

  *#handOut(): Generator<RingRecord, void, undefined> {
    const { handle, shards } = this.#ring
    try {
      for (let shard = 0; shard <= shards; shard++) {
        for (let left = this.#unread(shard); left > 0;) {
          const chunk = this.#read(shard)
          if (chunk === undefined) break
          for (let record = chunk.next(); record !== undefined; record = chunk.next()) {
            const { size } = chunk
            this.#times[shard] = chunk.time
            try {
              yield record
            } finally {
              // If another reader has taken over, this frees nothing, and the next #read() throws.
              rings.free(handle, shard, size)
            }
            left -= size
          }
        }
      }
    } finally {
      this.#pending = undefined
      dropped.unregister(this)
      rings.release(handle)
    }
  }

  /** Returns whether any shard has unread bytes or damaged words, which the next read reports. */
  #hasUnread(): boolean {
    const { handle, shards } = this.#ring
    for (let shard = 0; shard <= shards; shard++) if (rings.unread(handle, shard) !== 0) return true
    return false
  }

  /**
   * Waits until the ring has a record or a slice of time is over. A writer that sees `waiting` set wakes this reader. The
   * barrier makes sure that a concurrent writer sees `waiting` set or that this reader sees the writer's record.
   */
  async wait(): Promise<void> {
    const { wake } = this.#ring
    const calls = Atomics.load(wake, RingWake.calls)
    Atomics.store(wake, RingWake.waiting, 1)
    try {
      // Barrier M: pairs with L in src/ring/ring.ts.
      rings.barrier()
      if (!this.#hasUnread()) await changed(wake, RingWake.calls, calls)
    } finally {
      Atomics.store(wake, RingWake.waiting, 0)
    }
  }

  /** Returns copies of all records of a flight recorder, in the order of their times. */
  snapshot(): RingRecord[] {
    const { handle, shards, capacity } = this.#ring
    const records: RingRecord[] = []
    const chunk = new Chunk(capacity)
    for (let shard = 0; shard <= shards; shard++) {
      chunk.begin(counted(rings.snapshot(handle, shard, chunk.bytes)), shard === shards, 0n)
      for (let record = chunk.next(); record !== undefined; record = chunk.next()) records.push(record)
    }
    return records.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }
}

/** Wakes the waiting reader. A writer calls this when it sees `waiting` set. */
export function callReader(wake: Int32Array): void {
  Atomics.store(wake, RingWake.waiting, 0)
  Atomics.add(wake, RingWake.calls, 1)
  Atomics.notify(wake, RingWake.calls)
}
