import { summary } from '../core/describe.js'
import { own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import {
  COUNTER_TREE_HEADER_BYTES,
  LEAST_STEP,
  MOST_STEP,
  TREE_LATE_STEPS,
  TREE_LENGTH,
  readCounterTreeHeader,
  writeCounterTreeHeader,
} from '../core/counter-tree-layout.js'
import { checkChoice, checkInteger, rangeError, typeError } from '../core/errors.js'
import { INDEXES, type IndexName, Kind, Status, otherContent, refusedBuffer } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { checkOptions } from '../core/options.js'
import {
  AdoptedBuffer,
  RegionHolder,
  bufferFor,
  checkBuffer,
  formatRegion,
  newMemory,
  newRegionSize,
  openRegion,
} from '../runtime/region.js'
import { Counters } from './counters.js'

const { counterTreeAddInt32, counterTreeAddFloat64, counterTreeApproximate } = backend.operations

/** A copy in this module: counters.ts explains why hot code needs one. */
const OK = Status.ok

/** The default of {@link CounterTreeOptions.step}: carrying once in so many additions costs less than a tenth of them. */
const STEP = 1024
const A_TREE = 'the buffer of a PerCpuCounterTree'

/** Options of a new {@link PerCpuCounterTree}. */
export interface CounterTreeOptions {
  /**
   * How far a CPU counts by itself before it tells the tree: an integer from 64 to 2**31 - 1, by default 1024. A greater step
   * makes additions cheaper where many CPUs make them, and {@link PerCpuCounterTree.approximate} less accurate.
   */
  step?: number
  /** What numbers the shards, as for a {@link PerCpuCounter}: the `cpu` (the default) or the `concurrency` id. */
  index?: IndexName
}

/**
 * The memory of a new tree.
 *
 * @param shards - one for each possible CPU, or another number: for tests and benchmarks of larger machines.
 */
export function newCounterTree(
  options: CounterTreeOptions,
  shards = backend.possibleCpus,
): SharedArrayBuffer {
  const given = checkOptions('options', options, ['step', 'index'])
  const step = given.step === undefined ? STEP : checkInteger('step', given.step, LEAST_STEP, MOST_STEP)
  const index = checkChoice('index', given.index, INDEXES)
  const buffer = newMemory(COUNTER_TREE_HEADER_BYTES + newRegionSize(TREE_LENGTH, 'i64', shards), [
    'step',
    step,
  ])
  const region = new Uint8Array(buffer, COUNTER_TREE_HEADER_BYTES)
  formatRegion(region, Kind.counters, TREE_LENGTH, 'i64', index, shards)
  writeCounterTreeHeader(buffer, step)
  return buffer
}

/** Checks the header of a buffer and returns the step in it. */
function stepOf(buffer: unknown): number {
  checkBuffer(buffer, A_TREE)
  const step = readCounterTreeHeader(buffer)
  if (typeof step === 'number') return step
  throw refusedBuffer(A_TREE, step ?? otherContent(buffer))
}

function openCounters(owner: PerCpuCounterTree): Counters {
  const region = own(owner, openRegion(owner.buffer, Kind.counters, COUNTER_TREE_HEADER_BYTES))
  if (region.length !== TREE_LENGTH || region.element !== 'i64')
    throw refusedBuffer(A_TREE, 'was overwritten')
  return new Counters(region)
}

/**
 * A counter of whole numbers that worker threads share, with a shard for every CPU, for quotas and rate limits:
 * {@link approximate} costs the same on any number of CPUs, where {@link PerCpuCounter.value} reads a cache line of each.
 *
 * {@link add} is one restartable sequence on this CPU's shard, and two loads. Once in a `step`, it carries: it tells a tree how
 * far the shard has counted. The shards keep everything that was ever added, so {@link value} is exact whatever the tree has;
 * the tree is a hint whose error is bounded by {@link inaccuracy}. Any number of threads may call any method at any time. If
 * a thread is terminated, every addition from which `add` had returned stays counted, in the shards and in the tree.
 *
 * Memory: (possible CPUs + 1) x 128 bytes and at most 384 more.
 *
 * @example
 * ```ts
 * const used = new PerCpuCounterTree()
 * used.add(bytes)
 * if (used.atLeast(10_000_000)) throw new Error('the quota is used up')
 * ```
 */
export class PerCpuCounterTree extends RegionHolder {
  /** How far a CPU counts by itself before it carries. */
  readonly step = stepOf(this.buffer)
  readonly #counters = openCounters(this)
  readonly #handle: Handle = this.#counters.region.handle
  /**
   * By how much {@link approximate} may be wrong: it differs by less than this from the value. That is 3 x {@link step} for each
   * possible CPU, and for the shard of threads without restartable sequences. One step is what a shard has not carried yet; two
   * more are for additions that meet a carry in the middle.
   */
  readonly inaccuracy = TREE_LATE_STEPS * this.step * (this.#counters.region.shards + 1)

  /**
   * Makes a counter at 0.
   *
   * @param options - the step, and what numbers the shards.
   * @throws TypeError if `options` is no object, an option is unknown or has the wrong type; RangeError if a value is out of
   *   range.
   */
  constructor(options: CounterTreeOptions = {}) {
    super(bufferFor('PerCpuCounterTree', [options], () => newCounterTree(options)))
  }

  /**
   * Opens a counter that another thread made.
   *
   * @param buffer - its {@link PerCpuCounterTree.buffer}, received by `workerData` or a message.
   * @returns a new object on the memory of that counter.
   * @throws TypeError if `buffer` is no SharedArrayBuffer.
   * @throws RangeError if `buffer` is too short, has another version or another kind of content, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuCounterTree {
    return new PerCpuCounterTree(new AdoptedBuffer(buffer) as CounterTreeOptions)
  }

  /** What numbers the shards: the requested index, or `cpu` if the kernel has no concurrency ids. */
  get index(): IndexName {
    return this.#counters.region.index
  }

  /**
   * Adds `delta` exactly once, whatever interrupts the thread. Wait-free; relaxed memory order. O(1); the call that carries,
   * once in a {@link step}, takes O(possible CPUs / 32 + 32).
   *
   * @param delta - an integer from -(2**53 - 1) to 2**53 - 1.
   * @throws TypeError if `delta` is no number; RangeError if it is out of range. Then nothing is added.
   */
  add(delta: number): void {
    if (typeof delta === 'number' && (delta | 0) === delta) {
      if (counterTreeAddInt32(this.#handle, this.step, delta) !== OK) this.#counters.fail(Status.badHandle)
    } else {
      this.#addOther(delta)
    }
  }

  #addOther(delta: number): void {
    this.#counters.checkDelta(delta)
    const status = counterTreeAddFloat64(this.#handle, this.step, delta)
    if (status !== OK) this.#counters.fail(status)
  }

  /** Adds 1. */
  increment(): void {
    this.add(1)
  }

  /** Subtracts 1. */
  decrement(): void {
    this.add(-1)
  }

  /**
   * The total, wrong by less than {@link inaccuracy}: it is a multiple of {@link step}, and may be above or below. O(1), one load;
   * relaxed memory order.
   *
   * It has every addition that finished before the call, within the inaccuracy. An addition that still runs may be missing
   * whole; so may the one in which a thread was terminated, until the next addition on that CPU.
   */
  get approximate(): number {
    const value = counterTreeApproximate(this.#handle, this.step)
    if (Number.isNaN(value)) this.#counters.fail(Status.badHandle)
    return value
  }

  /**
   * Whether {@link value} is `n` or more. O(1) if {@link approximate} is further from `n` than its {@link inaccuracy}; else
   * O(possible CPUs), as the answer then needs the value.
   *
   * @param n - any number but NaN.
   * @throws TypeError if `n` is no number; RangeError if it is NaN.
   */
  atLeast(n: number): boolean {
    if (typeof n !== 'number') throw typeError('n', 'a number', n)
    const { approximate } = this
    if (approximate - this.inaccuracy >= n) return true
    if (approximate + this.inaccuracy <= n) return false
    if (Number.isNaN(n)) throw rangeError('n', 'a number that is not NaN', n)
    return this.value >= n
  }

  /**
   * The total. It is exact up to 2**53 and rounded beyond; {@link bigint} is exact. O(possible CPUs). It contains every
   * addition that finished before the call; a concurrent addition may be in it or not.
   */
  get value(): number {
    return this.#counters.get(0)
  }

  /** The total, exact to 64 bits, where it wraps. */
  get bigint(): bigint {
    return this.#counters.getBigint(0)
  }

  /** Returns the part of the total in each CPU's shard, with one element for every possible CPU or concurrency id. */
  perCpu(): number[] {
    return this.#counters.perCpu(0)
  }

  /** @internal */
  override [summary](): object {
    const { step, index, value } = this
    return { step, index, value }
  }
}
