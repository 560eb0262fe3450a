/**
 * Regions in a SharedArrayBuffer: made and opened for the public classes, with errors in words.
 *
 * @module
 */
import { types } from 'node:util'
import {
  type OpenArray,
  type OpenCpuLock,
  type OpenMutex,
  type OpenRegion,
  type OpenRing,
  backend,
} from './backend.js'
import { typeError } from './errors.js'
import {
  type ArrayElement,
  Element,
  Index,
  type IndexName,
  type Arena,
  Kind,
  LONGEST_RECORD,
  NO_ARENA,
  Policy,
  type PolicyName,
  RING_HEAD,
  RegionError,
  regionProblem,
  regionSize,
} from './layout.js'

const A_BUFFER = 'a SharedArrayBuffer made by rseq'

/** Given to a class's constructor in place of options: open this buffer, make none. */
export class AdoptedBuffer {
  readonly buffer: SharedArrayBuffer

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
  }
}

/**
 * What the public classes over a region extend, so that `buffer` is there when their own fields are
 * initialized. To V8 a field of a constant object is a constant, too, if its initializer is all that ever
 * wrote it; written by a constructor it is loaded and checked at every call, a tenth of an addition.
 */
export abstract class OverBuffer {
  /** What to give to another thread: there, the class's `from` opens it. */
  readonly buffer: SharedArrayBuffer

  protected constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
  }
}

/** What only some kinds of regions have. */
interface OfKind {
  arena?: Arena
  policy?: Policy | 0
}

/** Bytes of a new region of `length` words in each shard. */
export function newRegionSize(length: number): number {
  return regionSize(Kind.counters, backend.possibleCpus, length)
}

/** Makes zeroed bytes a region: one shard for every possible CPU, or as many as given, and the overflow shard. */
export function formatRegion(
  bytes: Uint8Array,
  kind: Kind,
  length: number,
  element: ArrayElement,
  index: IndexName,
  shards = backend.possibleCpus,
  { arena = NO_ARENA, policy = 0 }: OfKind = {},
): void {
  const error = backend.format(bytes, {
    kind,
    element: Element[element],
    index: backend.indexFor(Index[index]),
    writers: backend.writers,
    shards,
    length,
    policy,
    arena,
  })
  if (error !== RegionError.none) throw new Error(`rseq: the new region ${regionProblem(error, bytes)}`)
}

/**
 * A new region of zeroed words in a buffer of its own, with as many shards.
 *
 * @throws RangeError if that much memory is not to be had.
 */
export function createRegion(
  kind: Kind,
  length: number,
  element: ArrayElement,
  index: IndexName,
  shards = backend.possibleCpus,
  ofKind: OfKind = {},
): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(regionSize(kind, shards, length, ofKind.arena))
  formatRegion(new Uint8Array(buffer), kind, length, element, index, shards, ofKind)
  return buffer
}

/**
 * Opens a region that this or another thread made, the whole buffer or the bytes from `offset` on.
 *
 * @throws TypeError if `buffer` is no SharedArrayBuffer.
 * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
 */
export function openRegion(buffer: unknown, kind: Kind, offset = 0): OpenRegion {
  const how = (bytes: Uint8Array): OpenRegion | number => backend.open(bytes, kind)
  return open(buffer, how, 'put many counters in one PerCpuCounterArray', offset)
}

/** The same of a mutex. */
export function openMutex(buffer: unknown): OpenMutex {
  return open(buffer, (bytes) => backend.openMutex(bytes), 'open each mutex once in a thread')
}

/** The same of the CPUs' locks. */
export function openCpuLock(buffer: unknown): OpenCpuLock {
  return open(buffer, (bytes) => backend.openCpuLock(bytes), 'open each set of locks once in a thread')
}

/** New rings of `capacity` bytes, a power of two, in a buffer of their own. */
export function createRing(capacity: number, index: IndexName, policy: PolicyName): SharedArrayBuffer {
  const length = RING_HEAD + capacity / 8
  const { possibleCpus } = backend
  return createRegion(Kind.ring, length, 'i64', index, possibleCpus, { policy: Policy[policy] })
}

/** Opens rings for this thread, and the memory where it puts what it writes. */
export function openRing(buffer: unknown): OpenRing & { readonly scratch: Uint8Array } {
  const scratch = new Uint8Array(new ArrayBuffer(LONGEST_RECORD))
  const opened = open(buffer, (bytes) => backend.openRing(bytes, scratch), 'open each ring once in a thread')
  return { ...opened, scratch }
}

/** The same of an array of words. */
export function openArray(buffer: unknown): OpenArray {
  return open(buffer, (bytes) => backend.openArray(bytes), 'put many words in one PerCpuArray')
}

/** @param advice - for who has opened too many. */
function open<Open>(
  buffer: unknown,
  how: (bytes: Uint8Array) => Open | number,
  advice: string,
  offset = 0,
): Open {
  if (!types.isSharedArrayBuffer(buffer)) throw typeError('buffer', A_BUFFER, buffer)
  const bytes = new Uint8Array(buffer, offset)
  const opened = how(bytes)
  if (typeof opened !== 'number') return opened
  if (opened === RegionError.noHandleLeft) {
    throw new Error(`rseq: too many regions are open in this process; ${advice}`)
  }
  throw new RangeError(`buffer: expected ${A_BUFFER}; this one ${regionProblem(opened, bytes)}`)
}
