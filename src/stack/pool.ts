import { summary } from '../core/describe.js'
import { own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import { RegionCorruptError, checkChoice, checkInteger, rangeError, typeError } from '../core/errors.js'
import {
  type Arena,
  BlockState,
  INDEXES,
  type IndexName,
  Kind,
  MAX_UNITS,
  MAX_UNIT_SIZE,
  STACK_HEAD,
  Status,
} from '../core/layout.js'
import type { OpenRegion } from '../core/contract.js'
import type { Handle } from '../core/operations.js'
import { checkOptions } from '../core/options.js'
import { AdoptedBuffer, RegionHolder, bufferFor, createRegion, openRegion } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'
import { Shards } from '../runtime/shards.js'
import { Holders } from './holders.js'
import { UnitViews } from './unit-views.js'

/** Options of a new {@link PerCpuPool}. */
export interface PoolOptions {
  /** Number of blocks: 1 to 2**28. */
  blocks: number
  /** Bytes of a block: 1 to 2**30. Each block begins at a multiple of 64 bytes within the memory. */
  blockSize: number
  /**
   * Makes the pool detect blocks that are freed twice or were never taken, and views of blocks that are not taken; fills
   * freed blocks with bytes of 0xdb. For tests: every operation takes several times as long. By default false.
   */
  checked?: boolean
  /** The most free blocks that a CPU caches: 1 to 1024; by default 256, or the number of blocks if that is less. */
  cache?: number
  /** What numbers the caches: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { stackTryPush, stackTryPop, poolAlloc, poolFree } = backend.operations
const { waiting } = backend
const { stacks } = backend

/** A copy in this module: optimized code embeds it; see counters.ts. */
const OK = Status.ok

const OPTIONS = ['blocks', 'blockSize', 'checked', 'cache', 'index']
const MAX_CACHE = 1024
const DEFAULT_CACHE = 256

/** What the memory of a pool is like. */
export interface PoolShape {
  /** Words of a shard. */
  readonly length: number
  readonly arena: Arena
  readonly index: IndexName
}

/** @throws TypeError, RangeError for options that are not accepted. */
export function poolShape(options: PoolOptions): PoolShape {
  const { blocks, blockSize, checked = false, cache, index } = checkOptions('options', options, OPTIONS)
  const units = checkInteger('blocks', blocks, 1, MAX_UNITS)
  const unitSize = checkInteger('blockSize', blockSize, 1, MAX_UNIT_SIZE)
  if (typeof checked !== 'boolean') throw typeError('checked', 'true or false', checked)
  const capacity =
    cache === undefined ? Math.min(units, DEFAULT_CACHE) : checkInteger('cache', cache, 1, MAX_CACHE)
  const arena: Arena = { units, unitSize, isChecked: checked }
  return { length: capacity + STACK_HEAD, arena, index: checkChoice('index', index, INDEXES) }
}

/** Makes the memory of a pool, with no block in it. */
function newPool(options: PoolOptions): SharedArrayBuffer {
  const { length, arena, index } = poolShape(options)
  return createRegion(Kind.pool, length, 'f64', index, backend.possibleCpus, { arena, policy: 0 })
}

/** Puts all blocks of a new pool into its central store, block 0 on top. Answers their number or a negated status. */
export function fillPool({ handle, shards, arena: { units } }: OpenRegion): number {
  const numbers = Float64Array.from({ length: units }, (_, i) => units - 1 - i)
  return stacks.pushOwned(handle, shards, numbers, units, false)
}

/**
 * A pool of memory blocks of one size in one SharedArrayBuffer. Any worker takes a block and frees it, or passes its number
 * to another worker, which frees it. This needs no message and no copy, and makes no garbage.
 *
 * {@link alloc} and {@link free} are one restartable sequence each, on a small cache of free blocks for each CPU: the block
 * freed last on a CPU is the next one taken there, while it is still in the CPU's cache. If a CPU's cache is empty or full,
 * half a cache of blocks moves from or to a central store. So one thread may only take blocks while another only frees them.
 * If the central store is empty, `alloc` fetches blocks from the caches of other CPUs.
 *
 * If a thread is terminated, the blocks that it has taken are lost; no free block is lost. In memory that processes share,
 * the blocks of a process that has died come back: see {@link reclaim}.
 * Memory: 16 + blockSize (rounded up to 64) bytes for each block, and for each possible CPU 8 x (cache + 2) bytes, rounded
 * up to 128.
 *
 * @example
 * ```ts
 * const pool = new PerCpuPool({ blocks: 1000, blockSize: 256 })
 * const block = pool.alloc()
 * if (block !== -1) {
 *   pool.view(block).set([1, 2, 3])
 *   pool.free(block)
 * }
 * ```
 */
export class PerCpuPool extends RegionHolder {
  readonly #region = own(this, openRegion(this.buffer, Kind.pool))
  readonly #handle: Handle = this.#region.handle
  readonly #shards = new Shards(this.#region, 'pool')
  /** Number of blocks, free or taken. */
  readonly blocks = this.#region.arena.units
  /** Bytes of a block. */
  readonly blockSize = this.#region.arena.unitSize
  /** Whether the pool detects mistakes: see {@link PoolOptions.checked}. */
  readonly checked = this.#region.arena.isChecked
  /** The {@link BlockState} of block b is at position 2b. */
  readonly #states = new Int32Array(this.buffer, this.#region.firstWord, 2 * this.blocks)
  readonly #views = new UnitViews(this.buffer, this.#region, Kind.pool, 'block')
  readonly #holders = new Holders(this.#region, this.#shards)

  /**
   * Makes a pool whose blocks are all free and filled with zeros. O(blocks).
   *
   * @param options - number and size of the blocks, and how the pool keeps them.
   * @throws TypeError if an option is unknown or has the wrong type; RangeError if a value is out of range, or the memory is
   *   not available.
   */
  constructor(options: PoolOptions) {
    const isNew = !((options as unknown) instanceof AdoptedBuffer)
    super(bufferFor('PerCpuPool', [options], () => newPool(options)))
    if (isNew) this.#shards.counted(fillPool(this.#region))
  }

  /**
   * Opens a pool that another thread made.
   *
   * @param buffer - its {@link PerCpuPool.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of that pool.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another layout version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuPool {
    return new PerCpuPool(new AdoptedBuffer(buffer) as unknown as PoolOptions)
  }

  /** The most free blocks that a CPU caches. */
  get cache(): number {
    return this.#region.length - STACK_HEAD
  }

  /** What numbers the caches: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#region.index
  }

  /**
   * Takes a block. The block holds the bytes that it held when it was freed. This thread sees everything that the freeing
   * thread stored before it called {@link free}: both threads run on one CPU, or a lock or a fence orders them.
   *
   * O(1); one call in half a cache is O(cache) and takes a lock. If only other CPUs have free blocks, the call takes some
   * microseconds for each of these CPUs.
   *
   * @returns the number of the block, 0 to {@link blocks} - 1; -1 if no block is free.
   * @throws RegionCorruptError if something has written over the memory.
   * @throws Error if only other CPUs have free blocks and this thread cannot stop them, or another thread kept the pool for
   *   ten seconds.
   */
  alloc(): number {
    if (this.checked) return this.#allocSlow()
    const number = stackTryPop(this.#handle)
    const block = number >>> 0
    // False also if the attempt failed: `number` is NaN then.
    return block === number && block < this.blocks ? block : this.#allocAfter(number)
  }

  /** Takes a block after an attempt that answered none. */
  #allocAfter(number: number): number {
    if (Number.isNaN(number)) return this.#allocSlow()
    throw remoteError(-Status.corrupt, 'pool')
  }

  /** Takes a block after a failed attempt, or throws. */
  #allocSlow(): number {
    let answer = poolAlloc(this.#handle)
    if (answer === -Status.busy) answer = waiting.poolAlloc(this.#handle)
    if (answer === -Status.empty) return -1
    return this.#shards.counted(answer)
  }

  /**
   * Frees a block that this or another thread has taken. O(1); one call in half a cache is O(cache) and takes a lock.
   *
   * Without {@link checked}, no call detects that a block is freed twice; two threads then get the block.
   *
   * @param block - a number that {@link alloc} has returned, in any thread.
   * @throws TypeError, RangeError if the block does not exist; in a checked pool also RangeError if the block is not taken.
   * @throws RegionCorruptError if something has written over the memory, or more blocks were freed than taken.
   */
  free(block: number): void {
    if (typeof block !== 'number' || block >>> 0 !== block || block >= this.blocks) this.#refuse(block)
    if (this.checked || stackTryPush(this.#handle, block) !== OK) this.#freeSlow(block)
  }

  /** Frees a block after a failed attempt, or throws. */
  #freeSlow(block: number): void {
    let status = poolFree(this.#handle, block)
    if (status === Status.busy) status = waiting.poolFree(this.#handle, block)
    if (status === OK) return
    if (status === Status.notOwner) this.#refuseFree(block)
    if (status === Status.full) {
      throw new RegionCorruptError(
        `block: all ${this.blocks} blocks of the pool are free already: ${block}, or another, was given back twice`,
      )
    }
    throw remoteError(-status, 'pool')
  }

  /**
   * Returns the bytes of a block, as one object that is made at the first call and kept. Use it only while this thread has the
   * block: after {@link free}, the object shows the bytes of the next thread that takes the block.
   *
   * @throws TypeError, RangeError if the block does not exist; in a checked pool also RangeError if the block is not taken.
   */
  view(block: number): Uint8Array {
    if (this.checked) this.#checkTaken(block)
    return this.#views.of(block)
  }

  /** Number of free blocks, in all caches and the central store. They are counted one after the other. O(possible CPUs). */
  get available(): number {
    return this.#shards.total
  }

  /** Returns the number of free blocks in the cache of every possible CPU or concurrency id. */
  perCpu(): number[] {
    return this.#shards.perCpu()
  }

  /** Number of free blocks in the central store. */
  get central(): number {
    return this.#shards.overflow
  }

  /**
   * Moves the free blocks in a CPU's cache, or in all caches, to the central store. {@link alloc} does this when it finds no
   * other block; this call does it in advance. Takes some microseconds for each CPU, which is stopped meanwhile; its threads
   * wait. On the portable backend it does nothing, because there `alloc` takes blocks from any cache.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`; by default all; with the index `concurrency`, a concurrency id.
   * @returns the number of blocks moved.
   * @throws TypeError, RangeError if the CPU does not exist; Error if it cannot be stopped.
   * @throws RegionCorruptError if something has written over the memory.
   */
  flush(cpu?: number): number {
    const { count: shards } = this.#shards
    const first = cpu === undefined ? 0 : this.#shards.check(cpu)
    const end = cpu === undefined ? shards : first + 1
    let moved = 0
    for (let shard = first; shard < end; shard++) {
      moved += this.#shards.counted(backend.poolFlush(this.#handle, shard), shard)
    }
    return moved
  }

  /**
   * In memory that processes share (`rseq/shared`): the number of the process that took the block last. It is the ticket with
   * which another process adopts the block; see {@link adopt}. 0 in memory of one process. O(1).
   *
   * @throws TypeError, RangeError if the block does not exist.
   */
  holder(block: number): number {
    return this.#holders.of(this.#checkBlock(block))
  }

  /**
   * In memory that processes share: makes this process the holder of a block that another process hands over, so that the
   * block is not given back when the other process dies. Call it before you use the block. Threads of one process need not
   * adopt from each other. In memory of one process, it does nothing and returns true. O(1).
   *
   * @param block - the number that the other process has sent.
   * @param holder - the result of `holder()` of the block, which the other process has sent along.
   * @returns false if the block has another holder by now: the other process died, and the block was given back, or somebody
   *   else has adopted it. This process must not use the block then.
   * @throws TypeError, RangeError if the block does not exist or `holder` is no such number; Error if all slots of the service
   *   are taken.
   */
  adopt(block: number, holder: number): boolean {
    return this.#holders.adopt(this.#checkBlock(block), holder)
  }

  /**
   * In memory that processes share: gives back all blocks that processes held which have died. {@link alloc} does this itself
   * when it finds no free block, but at most every 10 ms. The blocks have the bytes that the processes left in them. O(blocks);
   * if a dead process has held blocks, it stops each CPU whose cache is not empty, one after the other.
   *
   * @returns the number of blocks given back; 0 in memory of one process.
   * @throws Error if a CPU cannot be stopped; RegionCorruptError if something has written over the memory.
   */
  reclaim(): number {
    return this.#holders.reclaim()
  }

  #checkBlock(block: unknown): number {
    return checkInteger('block', block, 0, this.blocks - 1)
  }

  #refuse(block: unknown): never {
    this.#checkBlock(block)
    throw rangeError('block', 'a block of this pool', block)
  }

  #checkTaken(block: number): void {
    if (Atomics.load(this.#states, 2 * this.#checkBlock(block)) !== BlockState.taken) this.#refuseFree(block)
  }

  /** Throws for a block of a checked pool that is not taken. */
  #refuseFree(block: number): never {
    const isFresh = Atomics.load(this.#states, 2 * block) === BlockState.fresh
    const why = isFresh ? 'was never taken' : 'was given back already'
    throw new RangeError(`block: expected one that alloc() has given out, got ${block}, which ${why}`)
  }

  /** Closes what this object has open in this thread now. Every later operation of this object throws an Error. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]()
    this.#views.close()
  }

  /** @internal */
  override [summary](): object {
    const { blocks, blockSize, checked, cache, index, available } = this
    return { blocks, blockSize, checked, cache, index, available }
  }
}
