import { summary } from '../core/describe.js'
import { checkInteger, rangeError, typeError } from '../core/errors.js'
import {
  HEAP_LENGTH,
  HEAP_PAGE,
  HEAP_UNIT,
  MAX_HEAP_PAGES,
  PAGE_ROW,
  UNITS_OF_PAGE,
  findBlock,
  isFreeInSpan,
  sizeAt,
} from '../core/heap-classes.js'
import { Kind, Status, unitsAfterWords } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { checkOptions } from '../core/options.js'
import { backend } from '../runtime/backend.js'
import { checkOpen, own } from '../runtime/disposal.js'
import { AdoptedBuffer, RegionHolder, bufferFor, createRegion, openRegion } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'

/** Options of a new {@link PerCpuHeap}. */
export interface HeapOptions {
  /** Bytes of all blocks together: 4096 to 2**31, rounded down to a multiple of 4096. */
  bytes: number
  /**
   * Makes the heap detect every block that is freed twice or was never taken, and views of blocks that are not taken; fills
   * freed blocks with bytes of 0xdb. For tests: the heap then has no caches, and each operation takes a lock. By default false.
   */
  checked?: boolean
}

const { heapAlloc, heapFree } = backend.operations
const { waiting } = backend

/** A copy in this module: optimized code embeds it; see counters.ts. */
const OK = Status.ok

const OPTIONS = ['bytes', 'checked']
const MOST_BYTES = MAX_HEAP_PAGES * HEAP_PAGE

/** Makes the memory of a heap: zeros, which are one free run of pages. */
function newHeap(given: number | HeapOptions): SharedArrayBuffer {
  const options = typeof given === 'number' ? { bytes: given } : given
  const { bytes, checked = false } = checkOptions('options', options, OPTIONS)
  const units = Math.floor(checkInteger('bytes', bytes, HEAP_PAGE, MOST_BYTES) / HEAP_PAGE)
  if (typeof checked !== 'boolean') throw typeError('checked', 'true or false', checked)
  const arena = { units, unitSize: HEAP_PAGE, isChecked: checked }
  return createRegion(Kind.heap, HEAP_LENGTH, 'f64', 'cpu', backend.possibleCpus, { arena, policy: 0 })
}

/**
 * A heap of memory blocks of any size in one SharedArrayBuffer, as `malloc` and `free` for all workers. Any worker takes a
 * block and frees it, or passes its number to another worker, which frees it. This needs no message and no copy, and makes no
 * garbage.
 *
 * {@link alloc} and {@link free} of up to 64 KiB are one restartable sequence each, on a small cache of free blocks for each
 * CPU and size class. A class begins at every eighth of each power of two, so a block has at most 12.5 % more bytes than were
 * asked for. If a cache is empty or full, blocks move from or to spans of pages that all CPUs share, behind a lock; a cache
 * grows with each such miss. A span that has become empty serves any class again. Longer blocks are whole pages of 4096 bytes.
 *
 * The heap never takes more memory than it was given at the beginning: if too little is free, {@link alloc} returns -1, after
 * it has fetched what the caches of other CPUs have.
 *
 * If a thread is terminated, the blocks that it has taken are lost; no free block is lost.
 * Memory beside the blocks: 64 bytes for each page of 4096, and for each possible CPU 33 KiB, of which only what is used is
 * ever touched.
 *
 * @example
 * ```ts
 * const heap = new PerCpuHeap(1 << 20)
 * const block = heap.alloc(300)
 * if (block !== -1) {
 *   heap.view(block).set([1, 2, 3])
 *   heap.free(block)
 * }
 * ```
 */
export class PerCpuHeap extends RegionHolder {
  readonly #region = own(this, openRegion(this.buffer, Kind.heap))
  readonly #handle: Handle = this.#region.handle
  /** Bytes of all blocks together, as given, in whole pages of 4096. */
  readonly bytes = this.#region.arena.units * HEAP_PAGE
  /** Whether the heap detects mistakes: see {@link HeapOptions.checked}. */
  readonly checked = this.#region.arena.isChecked
  /** The rows of the pages; none after the heap was closed in this thread, so that the usual path needs no check. */
  #rows = new Int32Array(this.buffer, this.#region.firstWord, this.#region.arena.units * PAGE_ROW)
  /** Where the first page is in the buffer. */
  readonly #first = this.#region.firstWord + unitsAfterWords(Kind.heap, this.#region.arena)

  /**
   * Makes a heap whose memory is all free and filled with zeros.
   *
   * @param options - how many bytes the blocks have together, or that and whether the heap is checked.
   * @throws TypeError if an option is unknown or has the wrong type; RangeError if a value is out of range, or the memory is
   *   not available.
   */
  constructor(options: number | HeapOptions) {
    super(bufferFor('PerCpuHeap', [options], () => newHeap(options)))
  }

  /**
   * Opens a heap that another thread made.
   *
   * @param buffer - its {@link PerCpuHeap.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of that heap.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuHeap {
    return new PerCpuHeap(new AdoptedBuffer(buffer) as unknown as HeapOptions)
  }

  /**
   * Takes a block. It holds the bytes that were there before. This thread sees everything that the freeing thread stored before
   * it called {@link free}: both threads run on one CPU, or a lock or a fence orders them.
   *
   * O(1) up to 64 KiB. A miss of the cache takes a lock and moves up to 30 blocks; it, and every longer block, is O(spans) if
   * the heap is nearly full. If too little memory is free beside the caches, the call takes some microseconds for each cache
   * that has blocks.
   *
   * @param bytes - how many bytes the block must have, 0 to 2**32 - 1: see {@link sizeOf} for how many it gets.
   * @returns the number of the block, 0 to 2**30 - 1; -1 if too little memory is free, or it is in pieces that are too short.
   * @throws TypeError, RangeError if `bytes` is no such integer.
   * @throws RegionCorruptError if something has written over the memory.
   * @throws Error if only other CPUs may have enough and this thread cannot stop them, or another thread kept the heap for ten
   *   seconds.
   */
  alloc(bytes: number): number {
    if (typeof bytes !== 'number' || bytes >>> 0 !== bytes) this.#refuseSize(bytes)
    const block = heapAlloc(this.#handle, bytes)
    return block >= 0 ? block : this.#allocAfter(block, bytes)
  }

  /** Takes a block after an attempt that answered none. */
  #allocAfter(first: number, bytes: number): number {
    const answer = first === -Status.busy ? waiting.heapAlloc(this.#handle, bytes) : first
    if (answer >= 0) return answer
    if (answer === -Status.empty) return -1
    throw remoteError(answer, 'heap')
  }

  /**
   * Frees a block that this or another thread has taken. O(1); some calls take a lock and move up to 30 blocks.
   *
   * Without {@link checked}, most calls do not detect that a block is freed twice; two threads then get the block.
   *
   * @param block - a number that {@link alloc} has returned, in any thread.
   * @throws TypeError, RangeError if no block begins there, or the block is found to be free already.
   * @throws RegionCorruptError if something has written over the memory.
   */
  free(block: number): void {
    if (typeof block !== 'number' || block >>> 0 !== block) this.#refuse(block)
    const status = heapFree(this.#handle, block)
    if (status !== OK) this.#freeAfter(status, block)
  }

  /** Frees a block after an attempt that failed, or throws. */
  #freeAfter(first: Status, block: number): void {
    const status = first === Status.busy ? waiting.heapFree(this.#handle, block) : first
    if (status === OK) return
    if (status === Status.outOfRange) this.#refuse(block)
    if (status === Status.notOwner) this.#refuseFree(block)
    throw remoteError(-status, 'heap')
  }

  /**
   * Returns the bytes of a block, all of them: see {@link sizeOf}. Each call makes a new object; keep it as long as this thread
   * has the block. After {@link free}, it shows the bytes of others.
   *
   * In the memory, the block is aligned to the largest power of two, up to 64, that divides the `bytes` that were asked for; its
   * `byteOffset`, up to 16. So a block of a multiple of 8 bytes can be a Float64Array, too.
   *
   * @throws TypeError, RangeError if no block begins there; in a checked heap also RangeError if the block is not taken.
   */
  view(block: number): Uint8Array {
    const size = this.sizeOf(block)
    return new Uint8Array(this.buffer, this.#first + block * HEAP_UNIT, size)
  }

  /**
   * Returns how many bytes a block has: at least as many as were asked for, and at most 12.5 % more up to 64 KiB (16 for fewer
   * than 16); for longer blocks, the next multiple of 4096. O(1).
   *
   * @throws TypeError, RangeError if no block begins there; in a checked heap also RangeError if the block is not taken.
   */
  sizeOf(block: number): number {
    const place =
      typeof block === 'number' && block >>> 0 === block ? findBlock(this.#rows, block) : undefined
    if (place === undefined) this.#refuse(block)
    if (this.checked && isFreeInSpan(this.#rows, place)) this.#refuseFree(block)
    return sizeAt(place)
  }

  #refuseSize(bytes: unknown): never {
    checkInteger('bytes', bytes, 0, 2 ** 32 - 1)
    throw rangeError('bytes', 'a number of bytes', bytes)
  }

  #refuse(block: unknown): never {
    checkOpen(this)
    checkInteger('block', block, 0, this.#region.arena.units * UNITS_OF_PAGE - 1)
    throw rangeError('block', 'a block that alloc() of this heap has given out', block)
  }

  #refuseFree(block: number): never {
    throw new RangeError(`block: expected one that alloc() has given out, got ${block}, which is free`)
  }

  /** Closes what this object has open in this thread now. Every later operation of this object throws an Error. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]()
    this.#rows = new Int32Array(new SharedArrayBuffer(0))
  }

  /** @internal */
  override [summary](): object {
    const { bytes, checked } = this
    return { bytes, checked }
  }
}
