/**
 * Rings without the addon: the twin of `native/percpu/ring.cc` and `ring_reader.cc`. Every shard is behind its lock.
 *
 * A commit is one store, of the head. Whatever thread is terminated before it has written nothing.
 *
 * @module
 */
import { threadId } from 'node:worker_threads'
import type { OpenRing } from '../backend.js'
import {
  Kind,
  LEAST_RING,
  MOST_RING,
  Policy,
  READ_FRAME,
  RECORD_FRAME,
  RING_HEAD,
  RegionError,
  RingWord,
  Status,
  Writers,
  indexName,
  longestRecord,
  paddedRecord,
  policyName,
} from '../layout.js'
import type { Handle, Operations } from '../operations.js'
import type { RingOperations } from '../ring-operations.js'
import { asOwner, ownsShard, resumeShard, stopShard } from './ownership.js'
import { type PortableRegion, at, openRegion, ownShard } from './region.js'

/** Bytes of a record before its own, and of the stamp after them. */
const META = 8
const STAMP = 8
/** What a thread is called in records. Never 0. */
const THREAD = threadId + 1

interface PortableRing {
  readonly region: PortableRegion
  readonly capacity: number
  readonly longest: number
  /** What is to be written. */
  readonly scratch: Uint8Array
}

/** One shard: its words, and its ring. Positions are masked, so that any number is one. */
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

  /** The ring's word at a position. */
  at(position: bigint): bigint {
    const place = at(this.#ring.region, this.#shard, RING_HEAD) + this.#position(position) / 8
    return BigInt.asUintN(64, Atomics.load(this.#ring.region.words, place))
  }

  setAt(position: bigint, value: bigint): void {
    const place = at(this.#ring.region, this.#shard, RING_HEAD) + this.#position(position) / 8
    Atomics.store(this.#ring.region.words, place, value)
  }

  /** Copies bytes into the ring, in two parts where they reach its end. */
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

/** Writes a record on a shard that is this thread's alone. */
function put(ring: PortableRing, number: number, length: number): Status {
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
  shard.setAt(head, (BigInt(THREAD) << 32n) | (BigInt(cpu) << 16n) | BigInt(length))
  shard.put(head + BigInt(META), ring.scratch.subarray(0, padded))
  const last = shard.at(head - 16n)
  const now = process.hrtime.bigint()
  const end = head + BigInt(META + padded)
  shard.setAt(end, now > last ? now : last)
  shard.setAt(end + BigInt(STAMP), head)
  shard.setWord(RingWord.head, end + 16n)
  return Status.ok
}

function ringWrite(handle: Handle, wanted: number): Status {
  const ring = handle as PortableRing
  const length = wanted >>> 0
  if (length > ring.longest) return Status.outOfRange
  const shard = ownShard(ring.region)
  return -asOwner(ring.region, shard, RingWord.stop, () => -put(ring, shard, length)) as Status
}

export const ringOperations: Pick<Operations, 'ringWrite' | 'ringTryWrite'> = {
  ringWrite,
  ringTryWrite: ringWrite,
}

/** A record's first word, if it can be one. */
interface Frame {
  readonly meta: bigint
  readonly padded: number
  /** Bytes in the ring. */
  readonly size: number
}

function frameOf(ring: PortableRing, meta: bigint): Frame | undefined {
  const length = Number(meta & 0xffffn)
  if (length > ring.longest || meta >> 32n === 0n) return undefined
  return { meta, padded: paddedRecord(length), size: paddedRecord(length) + RECORD_FRAME }
}

/** Copies the record at a position as a reader hands it out; says how many bytes that were. */
function copyOut(shard: Shard, position: bigint, frame: Frame, into: Uint8Array, offset: number): number {
  const { meta, padded } = frame
  const words = new BigUint64Array(into.buffer, into.byteOffset + offset, 2)
  words[0] = meta
  words[1] = shard.at(position + BigInt(META + padded))
  shard.get(position + BigInt(META), into, offset + READ_FRAME, padded)
  return READ_FRAME + padded
}

/** Whether this thread may read the shard as the reader; else a Status. Sections' clock is not to be read from here. */
function mayRead(ring: PortableRing, shard: number): Status {
  const { region } = ring
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
  let isSound = wrap(head - tail) <= BigInt(ring.capacity)
  let bytes = 0
  while (isSound && tail !== head) {
    const frame = frameOf(ring, shard.at(tail))
    isSound =
      frame !== undefined &&
      BigInt(frame.size) <= wrap(head - tail) &&
      shard.at(tail + BigInt(frame.size - 8)) === tail
    if (frame === undefined || !isSound || bytes + frame.size > into.length) break
    bytes += copyOut(shard, tail, frame, into, bytes)
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

/** Where the whole records before `head` begin, oldest first: those at or after `from`. */
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
  if (region.writers === Writers.sections) return -Status.unfenceable
  const shard = new Shard(ring, number)
  const head = shard.word(RingWord.head)
  const begin = head < BigInt(capacity) ? head % 8n : head - BigInt(capacity)
  const starts = recordsBefore(ring, shard, head, begin)
  const copies: { start: bigint; at: number; size: number }[] = []
  let bytes = 0
  for (const start of starts) {
    const frame = frameOf(ring, shard.at(start))
    // Overwritten since: so is all before it.
    if (frame === undefined || bytes + frame.size > capacity) {
      copies.length = bytes = 0
      continue
    }
    const size = copyOut(shard, start, frame, into, bytes)
    copies.push({ start, at: bytes, size })
    bytes += size
  }
  // What may have been overwritten while it was copied: up to this head, and a record more.
  const lost = shard.word(RingWord.head) + BigInt(paddedRecord(ring.longest) + RECORD_FRAME - capacity)
  const first = copies.find(({ start }) => start >= lost)
  if (first === undefined) return 0
  into.copyWithin(0, first.at, bytes)
  return bytes - first.at
}

/** How many bytes of a shard are unread, though others may move both ends. */
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
  // The stamps of sections are of a clock that cannot be read here.
  if (region.writers === Writers.sections) return -Status.unfenceable
  return -stopShard(region, region.shards, RingWord.reader)
}

function release(handle: Handle): number {
  const { region } = handle as PortableRing
  return -resumeShard(region, region.shards, RingWord.reader)
}

export const rings: RingOperations = {
  ...{ claim, release, read, free, snapshot, unread },
  dropped: (handle, number) => Number(new Shard(handle as PortableRing, number).word(RingWord.dropped)),
  // There is none. A writer that looks before its commit is seen may be missed, for a slice.
  barrier: () => undefined,
}

/** A ring for the calling thread, or a RegionError. */
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
    wake: new Int32Array(words.buffer, words.byteOffset + 8 * at(region, shards, RingWord.wake), 2),
  }
}
