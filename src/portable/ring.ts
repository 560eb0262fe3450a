/**
 * Rings without the addon, like `native/percpu/ring.cc` and `ring_reader.cc`. The stop word of each shard is its lock.
 *
 * One store, to the head, commits a record: a thread that is terminated before that store has written no record.
 *
 * @module
 */
import { threadId } from 'node:worker_threads'
import type { OpenRing } from '../core/contract.js'
import {
  Kind,
  LEAST_RING,
  MOST_RING,
  Policy,
  READ_FRAME,
  RECORD_FRAME,
  RECORD_THREAD,
  RING_HEAD,
  RING_WAKE_WORDS,
  RegionError,
  RingWord,
  SHORT_RECORD,
  Status,
  Writers,
  indexName,
  longestRecord,
  paddedRecord,
  policyName,
} from '../core/layout.js'
import type { Handle, Operations } from '../core/operations.js'
import type { RingOperations } from '../core/ring-operations.js'
import { noteClocks, now } from './clock.js'
import { asOwner, ownsShard, resumeShard, stopShard } from './ownership.js'
import { type PortableRegion, at, openRegion, ownShard } from './region.js'

/** The bytes in front of a record's own bytes, and those of the time stamp behind them. */
const META = 8
const STAMP = 8
/** The number of this thread in the records that it writes. Never 0. */
const THREAD = (threadId % RECORD_THREAD) + 1

interface PortableRing {
  readonly region: PortableRegion
  readonly capacity: number
  readonly longest: number
  /** The bytes of the record that is to be written next. */
  readonly scratch: Uint8Array
}

/** Bits of a record's first word; see {@link RecordBit}. */
const TRUNCATED = 1n << 62n
const HAS_TIME = 1n << 63n
const THREAD_OF_META = BigInt(RECORD_THREAD)

/** The words and the ring of one shard. Every number is a valid position, because positions are masked. */
class Shard {
  readonly #ring: PortableRing
  readonly #shard: number
  readonly #bytes: Uint8Array

  constructor(ring: PortableRing, shard: number) {
    this.#ring = ring
    this.#shard = shard
    const { words } = ring.region
    const begin = words.byteOffset + 8 * at(ring.region, shard, RING_HEAD)
    this.#bytes = new Uint8Array(words.buffer, begin, ring.capacity)
  }

  word(i: number): bigint {
    return BigInt.asUintN(64, Atomics.load(this.#ring.region.words, at(this.#ring.region, this.#shard, i)))
  }

  setWord(i: number, value: bigint): void {
    Atomics.store(this.#ring.region.words, at(this.#ring.region, this.#shard, i), value)
  }

  #position(position: bigint): number {
    return Number(position & BigInt(this.#ring.capacity - 8))
  }

  /** The word of the ring at a position. */
  at(position: bigint): bigint {
    const place = at(this.#ring.region, this.#shard, RING_HEAD) + this.#position(position) / 8
    return BigInt.asUintN(64, Atomics.load(this.#ring.region.words, place))
  }

  setAt(position: bigint, value: bigint): void {
    const place = at(this.#ring.region, this.#shard, RING_HEAD) + this.#position(position) / 8
    Atomics.store(this.#ring.region.words, place, value)
  }

  /** Copies bytes into the ring; those that do not fit before its end go to its beginning. */
  put(position: bigint, bytes: Uint8Array): void {
    const begin = this.#position(position)
    const fitting = Math.min(bytes.length, this.#ring.capacity - begin)
    this.#bytes.set(bytes.subarray(0, fitting), begin)
    this.#bytes.set(bytes.subarray(fitting), 0)
  }

  /** Copies `count` bytes out of the ring. */
  get(position: bigint, into: Uint8Array, offset: number, count: number): void {
    const begin = this.#position(position)
    const fitting = Math.min(count, this.#ring.capacity - begin)
    into.set(this.#bytes.subarray(begin, begin + fitting), offset)
    into.set(this.#bytes.subarray(0, count - fitting), offset + fitting)
  }
}

const wrap = (position: bigint): bigint => BigInt.asUintN(64, position)

/** Writes a record to a shard that this thread owns. */
function put(ring: PortableRing, number: number, from: Uint8Array, length: number, flags: bigint): Status {
  const shard = new Shard(ring, number)
  const padded = paddedRecord(length)
  const head = shard.word(RingWord.head)
  if (ring.region.policy === Policy.discard) {
    const unread = wrap(head - shard.word(RingWord.tail))
    if (unread > BigInt(ring.capacity)) return Status.corrupt
    if (unread > BigInt(ring.capacity - padded - RECORD_FRAME)) {
      shard.setWord(RingWord.dropped, shard.word(RingWord.dropped) + 1n)
      return Status.full
    }
  }
  const cpu = ring.region.writers === Writers.atomics ? number : 0
  shard.setAt(head, flags | (BigInt(THREAD) << 32n) | (BigInt(cpu) << 16n) | BigInt(length))
  shard.put(head + BigInt(META), from.subarray(0, padded))
  const end = head + BigInt(META + padded)
  shard.setAt(end, now())
  shard.setAt(end + BigInt(STAMP), head)
  shard.setWord(RingWord.head, end + 16n)
  return Status.ok
}

function ringWrite(handle: Handle, wanted: number): Status {
  const ring = handle as PortableRing
  const length = wanted >>> 0
  if (length > Math.min(ring.longest, SHORT_RECORD)) return Status.outOfRange
  return -writeFrom(handle, ring.scratch, length, false) as Status
}

function writeFrom(handle: Handle, scratch: Uint8Array, length: number, isTruncated: boolean): number {
  const ring = handle as PortableRing
  if (length > ring.longest || paddedRecord(length) > scratch.length) return -Status.outOfRange
  const shard = ownShard(ring.region)
  const flags = isTruncated ? TRUNCATED : 0n
  return asOwner(ring.region, shard, RingWord.stop, () => -put(ring, shard, scratch, length, flags))
}

function drop(handle: Handle): number {
  const ring = handle as PortableRing
  const number = ownShard(ring.region)
  return asOwner(ring.region, number, RingWord.stop, () => {
    const shard = new Shard(ring, number)
    shard.setWord(RingWord.dropped, shard.word(RingWord.dropped) + 1n)
    return 0
  })
}

export const ringOperations: Pick<Operations, 'ringWrite' | 'ringTryWrite'> = {
  ringWrite,
  ringTryWrite: ringWrite,
}

/** The first word of a record, after a check that it can be one, and the sizes that follow from it. */
interface Frame {
  readonly meta: bigint
  readonly padded: number
  /** The bytes that the record takes in the ring, with its frame. */
  readonly size: number
}

function frameOf(ring: PortableRing, meta: bigint): Frame | undefined {
  const length = Number(meta & 0xffffn)
  // Only sections write records with HAS_TIME, and this backend does not read rings that sections write.
  if (length > ring.longest || (meta & HAS_TIME) !== 0n) return undefined
  if (((meta >> 32n) & THREAD_OF_META) === 0n) return undefined
  return { meta, padded: paddedRecord(length), size: paddedRecord(length) + RECORD_FRAME }
}

/**
 * Turns the stamps of a shard's records, from the oldest to the youngest, into times that never decrease, as
 * `ring_reader.cc` does. Make it after reading the head: later stamps count as damaged.
 */
class Times {
  readonly #latest = now()
  #last = 0n

  next(stamp: bigint): bigint {
    if (stamp > this.#last && stamp <= this.#latest) this.#last = stamp
    return this.#last
  }
}

/** Copies the record at a position in the format that readers get. Returns the number of bytes written. */
function copyOut(
  shard: Shard,
  position: bigint,
  frame: Frame,
  times: Times,
  into: Uint8Array,
  offset: number,
): number {
  const { meta, padded } = frame
  const words = new BigUint64Array(into.buffer, into.byteOffset + offset, 2)
  words[0] = meta
  words[1] = times.next(shard.at(position + BigInt(META + padded)))
  shard.get(position + BigInt(META), into, offset + READ_FRAME, padded)
  return READ_FRAME + padded
}

/** Returns ok if this thread is the reader and may read the shard, else the reason. */
function mayRead(ring: PortableRing, shard: number): Status {
  const { region } = ring
  if (region.policy !== Policy.discard) return Status.wrongPolicy
  if (shard > region.shards) return Status.outOfRange
  return ownsShard(region, region.shards, RingWord.reader) ? Status.ok : Status.notOwner
}

function read(handle: Handle, number: number, into: Uint8Array): number {
  const ring = handle as PortableRing
  const status = mayRead(ring, number)
  if (status !== Status.ok) return -status
  const shard = new Shard(ring, number)
  const head = shard.word(RingWord.head)
  let tail = shard.word(RingWord.tail)
  const times = new Times()
  let isSound = wrap(head - tail) <= BigInt(ring.capacity)
  let bytes = 0
  while (isSound && tail !== head) {
    const frame = frameOf(ring, shard.at(tail))
    isSound =
      frame !== undefined &&
      BigInt(frame.size) <= wrap(head - tail) &&
      shard.at(tail + BigInt(frame.size - 8)) === tail
    if (frame === undefined || !isSound || bytes + frame.size > into.length) break
    bytes += copyOut(shard, tail, frame, times, into, bytes)
    tail = wrap(tail + BigInt(frame.size))
  }
  if (isSound || bytes !== 0) return bytes
  shard.setWord(RingWord.tail, head)
  return -Status.corrupt
}

function free(handle: Handle, number: number, bytes: number): number {
  const ring = handle as PortableRing
  const status = mayRead(ring, number)
  if (status !== Status.ok) return -status
  const shard = new Shard(ring, number)
  const head = shard.word(RingWord.head)
  const tail = shard.word(RingWord.tail)
  const unread = wrap(head - tail)
  const isSound = unread <= BigInt(ring.capacity) && BigInt(bytes) <= unread
  shard.setWord(RingWord.tail, isSound ? wrap(tail + BigInt(bytes)) : head)
  return isSound ? 0 : -Status.corrupt
}

/** The positions at which the records between `from` and `head` begin, oldest first. */
function recordsBefore(ring: PortableRing, shard: Shard, head: bigint, from: bigint): bigint[] {
  const starts: bigint[] = []
  for (let end = head; end - from >= BigInt(RECORD_FRAME);) {
    const start = shard.at(end - 8n)
    if (start < from || start >= end) break
    const frame = frameOf(ring, shard.at(start))
    if (frame === undefined || BigInt(frame.size) !== end - start) break
    starts.push(start)
    end = start
  }
  return starts.reverse()
}

function snapshot(handle: Handle, number: number, into: Uint8Array): number {
  const ring = handle as PortableRing
  const { region, capacity } = ring
  if (number > region.shards || into.length < capacity) return -Status.outOfRange
  if (region.policy !== Policy.overwrite) return -Status.wrongPolicy
  if (region.writers === Writers.sections) return -Status.unfenceable
  const shard = new Shard(ring, number)
  const head = shard.word(RingWord.head)
  const begin = head < BigInt(capacity) ? head % 8n : head - BigInt(capacity)
  const starts = recordsBefore(ring, shard, head, begin)
  const copies: { start: bigint; at: number; size: number }[] = []
  const times = new Times()
  let bytes = 0
  for (const start of starts) {
    const frame = frameOf(ring, shard.at(start))
    // A writer has overwritten this record since, and with it all older ones.
    if (frame === undefined || bytes + frame.size > capacity) {
      copies.length = bytes = 0
      continue
    }
    const size = copyOut(shard, start, frame, times, into, bytes)
    copies.push({ start, at: bytes, size })
    bytes += size
  }
  // Records that begin before this position may have been overwritten during the copy, up to one record beyond the head.
  const lost = shard.word(RingWord.head) + BigInt(paddedRecord(ring.longest) + RECORD_FRAME - capacity)
  const first = copies.find(({ start }) => start >= lost)
  if (first === undefined) return 0
  into.copyWithin(0, first.at, bytes)
  return bytes - first.at
}

/** How many bytes of a shard are unread. Other threads may move both ends meanwhile; 0 if the tail moved. */
function unread(handle: Handle, number: number): number {
  const ring = handle as PortableRing
  const shard = new Shard(ring, number)
  const tail = shard.word(RingWord.tail)
  const head = shard.word(RingWord.head)
  if (shard.word(RingWord.tail) !== tail) return 0
  const count = wrap(head - tail)
  return count <= BigInt(ring.capacity) ? Number(count) : -Status.corrupt
}

function claim(handle: Handle): number {
  const { region } = handle as PortableRing
  // Sections take their stamps from a clock that JavaScript cannot read.
  if (region.writers === Writers.sections) return -Status.unfenceable
  noteClocks()
  return -stopShard(region, region.shards, RingWord.reader)
}

function release(handle: Handle): number {
  const { region } = handle as PortableRing
  return -resumeShard(region, region.shards, RingWord.reader)
}

export const rings: RingOperations = {
  ...{ claim, release, read, free, snapshot, unread, writeFrom, drop },
  dropped: (handle, number) => Number(new Shard(handle as PortableRing, number).word(RingWord.dropped)),
  // JavaScript has no such barrier. A reader that begins to wait may see a record that is committed just then a slice later.
  barrier: () => undefined,
}

/** Opens a ring for the calling thread. Returns it or a RegionError. */
export function openRing(bytes: Uint8Array, scratch: Uint8Array): OpenRing | RegionError {
  const region = openRegion(bytes, Kind.ring)
  if (typeof region === 'number') return region
  const { words, shards, index, writers, policy } = region
  const capacity = 8 * (region.length - RING_HEAD)
  const isPowerOfTwo = Number.isInteger(Math.log2(capacity))
  if (!isPowerOfTwo || capacity < LEAST_RING || capacity > MOST_RING) return RegionError.geometry
  const ring: PortableRing = { region, capacity, longest: longestRecord(capacity), scratch }
  return {
    ...{ handle: ring, shards, capacity, longest: ring.longest, writers, keeper: ring },
    index: indexName(index),
    policy: policyName(policy as Policy),
    wake: new Int32Array(
      words.buffer,
      words.byteOffset + 8 * at(region, shards, RingWord.wake),
      RING_WAKE_WORDS,
    ),
  }
}
