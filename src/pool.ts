import { backend } from './backend.js'
import {
  RegionCorruptError,
  checkChoice,
  checkInteger,
  checkObject,
  rangeError,
  typeError,
} from './errors.js'
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
} from './layout.js'
import type { Handle } from './operations.js'
import { AdoptedBuffer, OverBuffer, createRegion, openRegion } from './region.js'
import { remoteError } from './remote-errors.js'
import { Shards } from './shards.js'
import { UnitViews } from './unit-views.js'

/** Options of a new {@link PerCpuPool}. */
export interface PoolOptions {
  /** How many blocks there are: 1 to 2**28. */
  blocks: number
  /** Bytes of a block: 1 to 2**30. Blocks begin at multiples of 64 bytes within the memory. */
  blockSize: number
  /**
   * Detects blocks that are given back twice, or that were never taken, and views of blocks that nobody has; fills
   * what is given back with bytes of 0xdb. For tests: it makes every operation several times as expensive. By default false.
   */
  checked?: boolean
  /** How many free blocks a CPU keeps at hand: 1 to 1024, by default 256 (and no more than there are). */
  cache?: number
  /** What numbers the caches: the `cpu` (the default) or the `concurrency` id; see {@link CounterOptions}. */
  index?: IndexName
}

const { stackTryPush, stackTryPop, poolAlloc, poolFree } = backend.operations
const { stacks } = backend

/** A constant of this module: see counters.ts. */
const OK = Status.ok

const MAX_CACHE = 1024
const DEFAULT_CACHE = 256

/** A pool without any block yet. */
function newPool(options: unknown): SharedArrayBuffer {
  const given = checkObject('options', options, 'an object such as { blocks: 100, blockSize: 256 }')
  const { blocks, blockSize, checked = false, cache, index } = given as PoolOptions
  const units = checkInteger('blocks', blocks, 1, MAX_UNITS)
  const unitSize = checkInteger('blockSize', blockSize, 1, MAX_UNIT_SIZE)
  if (typeof checked !== 'boolean') throw typeError('checked', 'true or false', checked)
  const capacity =
    cache === undefined ? Math.min(units, DEFAULT_CACHE) : checkInteger('cache', cache, 1, MAX_CACHE)
  const arena: Arena = { units, unitSize, isChecked: checked }
  const indexedBy = checkChoice('index', index, INDEXES)
  return createRegion(Kind.pool, capacity + STACK_HEAD, 'f64', indexedBy, backend.possibleCpus, { arena })
}

/**
 * Blocks of memory, all of one size, in one SharedArrayBuffer: any worker takes one and gives it back, or hands its number
 * on to another worker that does. No message, no copy, no garbage.
 *
 * {@link alloc} and {@link free} are one restartable sequence each, on the few free blocks that each CPU has at hand: what is
 * given back on a CPU is what the next thread there gets, warm in its cache. Where a CPU has none, or more than it
 * should, half as many as it may have are moved at once from or to a central store. So one thread may only take, and another only give
 * back, for ever. Blocks do not pile up on a CPU: if the central store has nothing, what other CPUs have is fetched.
 *
 * A thread that is terminated takes with it the blocks that it has taken, and none of those that are free.
 * It takes 16 + blockSize (rounded up to 64) bytes for each block, and for each possible CPU 8 x (cache + 2), rounded up
 * to 128.
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
export class PerCpuPool extends OverBuffer {
  readonly #region = openRegion(this.buffer, Kind.pool)
  readonly #handle: Handle = this.#region.handle
  readonly #shards = new Shards(this.#region, 'pool')
  /** How many blocks there are, free or not. */
  readonly blocks = this.#region.arena.units
  /** Bytes of a block. */
  readonly blockSize = this.#region.arena.unitSize
  /** Whether mistakes are looked for: see {@link PoolOptions.checked}. */
  readonly checked = this.#region.arena.isChecked
  /** The first word of block b is number 2b: see {@link BlockState}. */
  readonly #states = new Int32Array(this.buffer, this.#region.firstWord, 2 * this.blocks)
  readonly #views = new UnitViews(this.buffer, this.#region, 'block')

  /**
   * A pool whose blocks are all free, and zeroes. O(blocks).
   *
   * @throws TypeError, RangeError for an option that does not exist, and for more memory than there is.
   */
  constructor(options: PoolOptions) {
    const isNew = !((options as unknown) instanceof AdoptedBuffer)
    super(isNew ? newPool(options) : (options as unknown as AdoptedBuffer).buffer)
    if (isNew) this.#fill()
  }

  /**
   * Opens the pool that another thread made.
   *
   * @param buffer - its {@link buffer}, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer.
   * @throws RangeError if it is too short, made by another layout version, of another kind, or damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuPool {
    return new PerCpuPool(new AdoptedBuffer(buffer) as unknown as PoolOptions)
  }

  /** All blocks to the central store, the first on top. */
  #fill(): void {
    const last = this.blocks - 1
    const numbers = Float64Array.from({ length: this.blocks }, (_, i) => last - i)
    this.#shards.counted(stacks.give(this.#handle, this.#region.shards, numbers, this.blocks, false))
  }

  /** How many free blocks a CPU keeps at hand. */
  get cache(): number {
    return this.#region.length - STACK_HEAD
  }

  /** What numbers the caches: as asked for, but `cpu` where the kernel has no concurrency id. */
  get index(): IndexName {
    return this.#region.index
  }

  /**
   * Takes a block: its number, or -1 if none is free. What is in the block is what was there when it was given back. Who
   * takes it sees what was stored in it before.
   *
   * O(1); once in half a cache O(cache), with a lock; and where only other CPUs have free blocks, some
   * microseconds for each CPU that has.
   *
   * @throws RegionCorruptError if something has written over the memory.
   * @throws Error if there is no way to get at the free blocks, such as for a thread without restartable sequences.
   */
  alloc(): number {
    if (this.checked) return this.#allocAnyhow()
    const number = stackTryPop(this.#handle)
    const block = number >>> 0
    // A NaN is not equal to anything.
    return block === number && block < this.blocks ? block : this.#allocAfter(number)
  }

  /** After an attempt that gave no block. */
  #allocAfter(number: number): number {
    if (Number.isNaN(number)) return this.#allocAnyhow()
    throw remoteError(-Status.corrupt, 'pool')
  }

  /** Takes what one attempt did not, or says why not. */
  #allocAnyhow(): number {
    const answer = poolAlloc(this.#handle)
    if (answer === -Status.empty) return -1
    return this.#shards.counted(answer)
  }

  /**
   * Gives a block back, from whichever thread. O(1); once in half a cache O(cache), with a lock.
   *
   * Without {@link checked} nobody notices if a block is given back twice: then two threads have it.
   *
   * @param block - what {@link alloc} has returned, here or elsewhere.
   * @throws TypeError, RangeError if there is no such block; in a checked pool also if nobody has it.
   * @throws RegionCorruptError if something has written over the memory, or more was given back than taken.
   */
  free(block: number): void {
    if (typeof block !== 'number' || block >>> 0 !== block || block >= this.blocks) this.#refuse(block)
    if (this.checked || stackTryPush(this.#handle, block) !== OK) this.#freeAnyhow(block)
  }

  /** Gives back what one attempt did not, or says why not. */
  #freeAnyhow(block: number): void {
    const status = poolFree(this.#handle, block)
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
   * The bytes of a block, the same object each time: no garbage. Use them while the block is yours; what others do
   * with them later is seen through it, too.
   *
   * @throws TypeError, RangeError if there is no such block; in a checked pool also if nobody has it.
   */
  view(block: number): Uint8Array {
    if (this.checked) this.#checkTaken(block)
    return this.#views.of(block)
  }

  /** How many blocks are free, with a CPU or in the central store. O(possible CPUs), one after the other. */
  get available(): number {
    return this.#shards.total
  }

  /** How many free blocks each CPU has at hand. One element for every possible CPU, or concurrency id. */
  perCpu(): number[] {
    return this.#shards.perCpu()
  }

  /** How many free blocks are in the central store. */
  get central(): number {
    return this.#shards.overflow
  }

  /**
   * Moves the free blocks that a CPU has at hand, or all of them have, to the central store: what {@link alloc} does where it
   * finds nothing else, done beforehand. Some microseconds for each CPU, which is stopped meanwhile; its threads wait.
   * On the portable backend there is nothing to do: whoever finds nothing takes from anywhere.
   *
   * @param cpu - 0 to `info().possibleCpus - 1`, by default all; with the index `concurrency`, that id.
   * @returns how many were moved.
   * @throws TypeError, RangeError if there is no such CPU; Error if there is no way to stop it.
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

  /** In a checked pool, of a block that nobody has. */
  #refuseFree(block: number): never {
    const isFresh = Atomics.load(this.#states, 2 * block) === BlockState.fresh
    const why = isFresh ? 'was never taken' : 'was given back already'
    throw new RangeError(`block: expected one that alloc() has given out, got ${block}, which ${why}`)
  }
}
