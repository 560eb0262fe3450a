/**
 * Makes and opens regions in SharedArrayBuffers for the public classes, and turns the backend's errors into text.
 *
 * @module
 */
import { freemem } from 'node:os'
import { types } from 'node:util'
import type { Backend, OpenArray, OpenCpuLock, OpenMutex, OpenRegion, OpenRing } from '../core/contract.js'
import { backend } from './backend.js'
import { dispose } from './disposal.js'
import { Described } from '../core/describe.js'
import { rangeError, typeError } from '../core/errors.js'
import {
  ARRAY_HEAD,
  type ArrayElement,
  type ElementName,
  Element,
  Index,
  type IndexName,
  type Arena,
  Kind,
  NO_ARENA,
  Policy,
  type PolicyName,
  RING_HEAD,
  RegionError,
  SHORT_RECORD,
  STACK_HEAD,
  refusedBuffer,
  regionProblem,
  regionSize,
  scratchSize,
} from '../core/layout.js'

/** What a buffer is expected to be, for errors. */
export const A_BUFFER = 'a SharedArrayBuffer made by rseq'

/** Passed to a constructor in place of options: the constructor then opens this buffer instead of making one. */
export class AdoptedBuffer {
  readonly buffer: SharedArrayBuffer

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
  }
}

/**
 * The base class of the public classes. It sets `buffer` before their field initializers run. V8 treats a field of a constant
 * object as a constant only if its initializer alone wrote it; a field written by a constructor is loaded and checked at
 * every call, which costs a tenth of an addition.
 */
export abstract class RegionHolder extends Described {
  /** The shared memory of this object. Pass it to another thread, where the static method `from` of the class opens it. */
  readonly buffer: SharedArrayBuffer

  protected constructor(buffer: SharedArrayBuffer) {
    super()
    this.buffer = buffer
  }

  /**
   * Closes what this object has open in this thread now instead of when the object is collected. Other objects on the buffer
   * are not affected; every later operation of this object throws an Error. A lock that this object holds stays taken until
   * the thread ends, so unlock it first. The second call does nothing.
   */
  [Symbol.dispose](): void {
    dispose(this)
  }
}

/**
 * The buffer of a new object: the one that `from` adopts, or a new one from `make`.
 *
 * @param name - the class, for errors.
 * @param given - the arguments of its constructor.
 * @throws TypeError if one of them is a buffer, or has one: the constructor would ignore it, and make another.
 */
export function bufferFor(
  name: string,
  given: readonly unknown[],
  make: () => SharedArrayBuffer,
): SharedArrayBuffer {
  for (const value of given) {
    if (value instanceof AdoptedBuffer) return value.buffer
    if (types.isSharedArrayBuffer(value) || value instanceof RegionHolder) {
      throw new TypeError(
        `buffer: expected ${name}.from(buffer), which opens what another thread made, ` +
          `got new ${name}(), which makes another one`,
      )
    }
  }
  return make()
}

/**
 * The buffer of an object that another copy of this package made, whose classes and WeakMaps this copy does not know.
 * Undefined for objects of this copy, and for everything without a buffer.
 */
export function bufferOfAnotherCopy(value: unknown): SharedArrayBuffer | undefined {
  if (typeof value !== 'object' || value === null || value instanceof RegionHolder) return undefined
  const { buffer } = value as { buffer?: unknown }
  return !ArrayBuffer.isView(value) && types.isSharedArrayBuffer(buffer) ? buffer : undefined
}

/** @throws TypeError if the constructor of a class without options was given an argument. */
export function checkNoArgument(name: string, given: unknown): void {
  if (given !== undefined) throw typeError('options', `none, as new ${name}() has no options`, given)
}

/** The name and the value of the argument that sets a region's size, for errors. */
function sizeArgument(kind: Kind, length: number, { units, unitSize }: Arena): [name: string, value: number] {
  switch (kind) {
    case Kind.stack:
      return ['capacity', length - STACK_HEAD]
    case Kind.list:
      return units > unitSize ? ['nodes', units] : ['payloadSize', unitSize]
    case Kind.pool:
      return units > unitSize ? ['blocks', units] : ['blockSize', unitSize]
    case Kind.heap:
      return ['bytes', units * unitSize]
    case Kind.ring:
      return ['bytesPerCpu', (length - RING_HEAD) * 8]
    case Kind.array:
      return ['length', length - ARRAY_HEAD]
    default:
      return ['length', length]
  }
}

/**
 * Allocates shared memory of `size` bytes.
 *
 * @param argument - the name and the value of the argument that sets the size, for the error.
 * @throws RangeError if that much memory is not available.
 */
export function newMemory(size: number, [argument, value]: readonly [string, unknown]): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(size)
  } catch {
    const expected = `a size that fits into memory (this one takes ${size} bytes, ${freemem()} are available)`
    throw rangeError(argument, expected, value)
  }
}

/** What only some kinds of regions have. Nothing is optional, so that no prototype is asked. */
interface OfKind {
  readonly arena: Arena
  readonly policy: Policy | 0
}

const PLAIN: OfKind = { arena: NO_ARENA, policy: 0 }

/** Bytes of a new region of `length` words in each shard. */
export function newRegionSize(
  length: number,
  element: ElementName = 'i64',
  shards = backend.possibleCpus,
): number {
  return regionSize(Kind.counters, Element[element], shards, length)
}

/**
 * Makes a region in zeroed bytes, with one shard for every possible CPU, or the given number, and the overflow shard.
 *
 * @param maker - the backend that writes it, if it is not that of the memory of this process.
 */
export function formatRegion(
  bytes: Uint8Array,
  kind: Kind,
  length: number,
  element: ArrayElement,
  index: IndexName,
  shards = backend.possibleCpus,
  { arena, policy } = PLAIN,
  maker: Backend = backend,
): void {
  const error = maker.format(bytes, {
    kind,
    element: Element[element],
    index: maker.indexFor(Index[index]),
    writers: maker.writers,
    shards,
    length,
    policy,
    arena,
  })
  if (error === RegionError.none) return
  const refused: NodeJS.ErrnoException = new Error(`rseq: the new region ${regionProblem(error, bytes)}`)
  if (error === RegionError.noRoom) refused.code = 'ENOSPC'
  throw refused
}

/**
 * Makes a region of zeroed words in a new buffer, with `shards` shards and the overflow shard.
 *
 * @throws RangeError if that much memory is not available.
 */
export function createRegion(
  kind: Kind,
  length: number,
  element: ArrayElement,
  index: IndexName,
  shards = backend.possibleCpus,
  ofKind = PLAIN,
): SharedArrayBuffer {
  const size = regionSize(kind, Element[element], shards, length, ofKind.arena)
  const buffer = newMemory(size, sizeArgument(kind, length, ofKind.arena))
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

/** Opens a mutex, the whole buffer or the bytes from `offset` on. Throws the errors of {@link openRegion}. */
export function openMutex(buffer: unknown, offset = 0): OpenMutex {
  return open(buffer, (bytes) => backend.openMutex(bytes), 'open each mutex once in a thread', offset)
}

/** Opens the locks of the CPUs. Throws the errors of {@link openRegion}. */
export function openCpuLock(buffer: unknown): OpenCpuLock {
  return open(buffer, (bytes) => backend.openCpuLock(bytes), 'open each set of locks once in a thread')
}

/** Makes rings of `capacity` bytes, a power of two, in a new buffer. */
export function createRing(capacity: number, index: IndexName, policy: PolicyName): SharedArrayBuffer {
  const length = RING_HEAD + capacity / 8
  const { possibleCpus } = backend
  return createRegion(Kind.ring, length, 'i64', index, possibleCpus, { ...PLAIN, policy: Policy[policy] })
}

/** Opens rings for this thread. It puts the bytes of a record into `scratch` before it writes the record. */
export function openRing(buffer: unknown): OpenRing & { readonly scratch: Uint8Array } {
  const scratch = new Uint8Array(new ArrayBuffer(scratchSize(SHORT_RECORD)))
  const opened = open(buffer, (bytes) => backend.openRing(bytes, scratch), 'open each ring once in a thread')
  return { ...opened, scratch }
}

/** Opens an array of words. Throws the errors of {@link openRegion}. */
export function openArray(buffer: unknown): OpenArray {
  return open(buffer, (bytes) => backend.openArray(bytes), 'put many words in one PerCpuArray')
}

/** @param advice - tells the user in the error what to do if too many regions are open. */
function open<Open>(
  buffer: unknown,
  how: (bytes: Uint8Array) => Open | number,
  advice: string,
  offset = 0,
): Open {
  checkBuffer(buffer, A_BUFFER)
  const bytes = new Uint8Array(buffer, offset)
  const opened = how(bytes)
  if (typeof opened !== 'number') return opened
  if (opened === RegionError.noHandleLeft) {
    throw new Error(`rseq: too many regions are open in this process; ${advice}`)
  }
  throw refusedBuffer(A_BUFFER, regionProblem(opened, bytes))
}

/**
 * Checks that the argument of `from` is shared memory.
 *
 * @param expected - describes the accepted argument in the error.
 * @throws TypeError if it is something else. If that is an object with a buffer, the error says so.
 */
export function checkBuffer(buffer: unknown, expected: string): asserts buffer is SharedArrayBuffer {
  if (types.isSharedArrayBuffer(buffer)) return
  const advice = buffer instanceof RegionHolder ? ": to open it again, give its property 'buffer'" : ''
  const error = typeError('buffer', expected, buffer)
  error.message += advice
  throw error
}
