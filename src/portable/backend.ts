/**
 * The portable backend implements the contract in TypeScript, with `Atomics` and the layout of the native backend. With it, a
 * program also runs on platforms, kernels and sandboxes without restartable sequences.
 *
 * A thread writes the shard of its thread id. If sections of other threads write the shards of a region
 * (`Writers.sections`), the portable backend updates its overflow shard only: atomics and sections on one word would lose
 * updates.
 *
 * @module
 */
import { types } from 'node:util'
import { availableParallelism } from 'node:os'
import { threadId } from 'node:worker_threads'
import type {
  Backend,
  OpenArray,
  OpenBatch,
  OpenCpuLock,
  OpenMutex,
  OpenRegion,
  OpenRing,
  Place,
} from '../core/contract.js'
import type { Handle, Operations } from '../core/operations.js'
import {
  BATCH_ENTRY_BYTES,
  Element,
  type Index,
  type Kind,
  type RegionSpec,
  SECOND_REGION,
  Status,
  WIDE_DELTA,
  Writers,
  elementName,
  indexName,
} from '../core/layout.js'
import { fromBits } from '../core/word-bits.js'
import { arrayOperations, arrays, openArray } from './array.js'
import { now, wallTime } from './clock.js'
import { cpuLockTry, cpuLockUnlock, cpuLockWait, openCpuLock } from './cpu-lock.js'
import { mutexAnnounce, mutexTryLock, mutexUnlock, mutexWait, openMutex } from './mutex.js'
import { counterTreeOperations } from './counter-tree.js'
import { type PortableRegion, at, formatRegion, openRegion, ownShard } from './region.js'
import { closeHandle } from './close.js'
import { heapOperations } from './heap.js'
import { poolFlush, poolOperations } from './pool.js'
import { type SetOutcome, setDouble, sumOfDoubles } from './doubles.js'
import { listOperations } from './list.js'
import { stacks } from './remote.js'
import { openRing, ringOperations, rings } from './ring.js'
import { stackOperations } from './stack.js'
import { addDouble, addSumTogether, addTogether, gather } from './together.js'

/** Bounds the compare-and-exchange loops. An attempt fails only when another thread has changed the word. */
const EXCHANGE_ATTEMPTS = 1 << 16

function toNumber(region: PortableRegion, word: bigint): number {
  return region.element === Element.i64 ? Number(word) : fromBits(word)
}

/** A batch's memory, as the portable backend reads it. */
interface PortableBatch {
  readonly region: PortableRegion
  readonly second: PortableRegion | null
  readonly entries: Int32Array
  readonly wide: Float64Array
  readonly sums: Int32Array
}

function load(region: PortableRegion, shard: number, i: number): bigint {
  return Atomics.load(region.words, at(region, shard, i))
}

/** The exact sum of an i64 counter over the shards, without the overflow shard. */
function sumShardsExactly(region: PortableRegion, i: number): bigint {
  let sum = 0n
  for (let shard = 0; shard < region.shards; shard++) sum += load(region, shard, i)
  return sum
}

// Reads the overflow word before the shards, so that a reset in between looks as if it had not happened yet. In the other
// order, the sum could subtract a reset from shards that were read before it.
function exactSum(region: PortableRegion, i: number): bigint {
  const overflow = load(region, region.shards, i)
  return BigInt.asIntN(64, sumShardsExactly(region, i) + overflow)
}

/** Sets a counter of whole numbers by changing its overflow word only. */
function setWhole(region: PortableRegion, i: number, value: number): SetOutcome {
  const position = at(region, region.shards, i)
  let seen = Atomics.load(region.words, position)
  for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS; attempt++) {
    const sum = sumShardsExactly(region, i)
    const word = BigInt.asIntN(64, BigInt(value) - sum)
    const before = Atomics.compareExchange(region.words, position, seen, word)
    if (before === seen) return { status: Status.ok, held: Number(BigInt.asIntN(64, sum + seen)) }
    seen = before
  }
  return { status: Status.contended, held: NaN }
}

function setCounter(region: PortableRegion, i: number, value: number): SetOutcome {
  return (region.element === Element.i64 ? setWhole : setDouble)(region, i, value)
}

function counterAdd(handle: Handle, i: number, delta: number): Status {
  const region = handle as PortableRegion
  if (i >= region.length) return Status.outOfRange
  const position = at(region, ownShard(region), i)
  if (region.element === Element.f64) return addDouble(region.words, position, delta)
  if (!Number.isSafeInteger(delta)) return Status.badValue
  Atomics.add(region.words, position, BigInt(delta))
  return Status.ok
}

/** The region that an entry of a batch adds to. */
function targetOf(batch: PortableBatch, element: number): PortableRegion | null {
  return (element & SECOND_REGION) === 0 ? batch.region : batch.second
}

/** The end of the row of entries from `k` on that all add to doubles, or that all add to whole numbers. */
function endOfRow(batch: PortableBatch, k: number, count: number, isDouble: boolean): number {
  let end = k
  while (end < count) {
    const target = targetOf(batch, batch.entries[2 * end] as number)
    if ((target !== null && target.element === Element.f64) !== isDouble) break
    end++
  }
  return end
}

/** Gathers an entry of a batch that adds to a whole number. One that adds to a double is made, with all that is gathered. */
function addEntry(batch: PortableBatch, k: number): Status {
  const { entries, wide } = batch
  const element = entries[2 * k] as number
  const target = targetOf(batch, element)
  const isSecond = (element & SECOND_REGION) !== 0
  const isWide = isSecond || (element & WIDE_DELTA) !== 0
  const delta = (isWide ? wide[k] : entries[2 * k + 1]) as number
  const i = element & ~(isSecond ? SECOND_REGION : WIDE_DELTA)
  if (target === null || i >= target.length) return Status.outOfRange
  const position = at(target, ownShard(target), i)
  if (target.element === Element.f64) return addSumTogether(target.words, position, delta)
  if (!Number.isSafeInteger(delta)) return Status.badValue
  gather(target.words, position, BigInt(delta))
  return Status.ok
}

function countedAdd(counts: Handle, bucket: number, sums: Handle, sum: number, value: number): Status {
  const [region, sumRegion] = [counts as PortableRegion, sums as PortableRegion]
  if (region.element !== Element.i64) return Status.badHandle
  if (sumRegion.element === Element.i64 && !Number.isSafeInteger(value)) return Status.badValue
  if (bucket >= region.length || sum >= sumRegion.length) return Status.outOfRange
  gather(region.words, at(region, ownShard(region), bucket), 1n)
  const position = at(sumRegion, ownShard(sumRegion), sum)
  if (sumRegion.element === Element.f64) return addSumTogether(sumRegion.words, position, value)
  gather(sumRegion.words, position, BigInt(value))
  addTogether()
  return Status.ok
}

const counterOperations = {
  counterAdd,
  counterAddInt32: counterAdd,
  counterAddFloat64: counterAdd,

  counterGet(handle: Handle, i: number): number {
    const region = handle as PortableRegion
    if (i >= region.length) return NaN
    if (region.element === Element.i64) return Number(exactSum(region, i))
    return sumOfDoubles(region, i)
  },

  counterSet(handle: Handle, i: number, value: number): Status {
    const region = handle as PortableRegion
    if (region.element === Element.i64 && !Number.isSafeInteger(value)) return Status.badValue
    if (i >= region.length) return Status.outOfRange
    return setCounter(region, i, value).status
  },

  countedAdd,
  countedAddInt32: (handle: Handle, bucket: number, sum: number, value: number): Status =>
    countedAdd(handle, bucket, handle, sum, value),

  batchTrySums(): number {
    return 0 // The portable backend adds all sums in batchAddSums().
  },

  batchAddSums(batch: Handle): Status {
    const { region, sums } = batch as PortableBatch
    for (let i = 0; i < sums.length; i++) {
      const sum = sums[i] as number
      const status = sum === 0 ? Status.ok : counterAdd(region, i, sum)
      if (status !== Status.ok) return status
      sums[i] = 0
    }
    return Status.ok
  },

  batchCommit(handle: Handle, count: number): Status {
    const batch = handle as PortableBatch
    if (count > batch.wide.length) return Status.outOfRange
    let status: Status = Status.ok
    // Each turn makes a row of whole numbers and the row of doubles behind it. In a batch of metrics, the last whole number
    // counts what the last double sums up, and so on backwards: each such pair is added together.
    for (let k = 0; k < count && status === Status.ok;) {
      const doubles = endOfRow(batch, k, count, false)
      const end = endOfRow(batch, doubles, count, true)
      const paired = Math.max(k, doubles - (end - doubles))
      while (k < paired && status === Status.ok) status = addEntry(batch, k++)
      addTogether()
      for (let left = end - doubles; left > 0 && status === Status.ok; left--) {
        if (doubles - k === left) status = addEntry(batch, k++)
        if (status === Status.ok) status = addEntry(batch, end - left)
      }
      k = end
    }
    addTogether() // A whole number whose double was refused.
    return status
  },
}

const operations: Operations = {
  ...counterOperations,
  ...counterTreeOperations,
  ...stackOperations,
  ...poolOperations,
  ...heapOperations,
  ...ringOperations,
  ...arrayOperations,
  ...listOperations,
  mutexTryLock,
  mutexUnlock,
  cpuLockTry,
  cpuLockUnlock,
}

export class PortableBackend implements Backend {
  readonly name = 'portable'
  readonly tier = 'portable'
  readonly writers = Writers.atomics
  readonly possibleCpus = availableParallelism()
  readonly operations = operations
  /** These are the operations above, because they wait themselves. */
  readonly waiting = operations
  readonly stacks = stacks
  readonly rings = rings
  readonly arrays = arrays
  readonly place: Place
  readonly now = now
  readonly wallTime = wallTime

  constructor() {
    // JavaScript cannot ask for the CPU. Each thread uses a fixed number in the range of the CPUs as its index instead.
    const shard = threadId % this.possibleCpus
    const ownNumber = (): number => shard
    this.place = { cpuId: ownNumber, numaNode: () => 0, concurrencyId: ownNumber }
  }

  indexFor(wanted: Index): Index {
    return wanted
  }

  format(bytes: Uint8Array, spec: RegionSpec): number {
    return formatRegion(bytes, spec)
  }

  open(bytes: Uint8Array, kind: Kind): OpenRegion | number {
    const region = openRegion(bytes, kind)
    if (typeof region === 'number') return region
    return {
      handle: region,
      element: elementName(region.element),
      index: indexName(region.index),
      writers: region.writers,
      shards: region.shards,
      length: region.length,
      arena: region.arena,
      firstWord: region.firstShard + 8 * region.firstUnitWord,
      keeper: region,
    }
  }

  openBatch(
    handle: unknown,
    memory: ArrayBuffer,
    capacity: number,
    second: Handle = null,
    summed = 0,
  ): OpenBatch {
    const entriesAt = capacity * Float64Array.BYTES_PER_ELEMENT
    const batch: PortableBatch = {
      // The regions are copied, so that the batch keeps working after the handle of its counters is closed.
      region: { ...(handle as PortableRegion) },
      second: second === null ? null : { ...(second as PortableRegion) },
      wide: new Float64Array(memory, 0, capacity),
      entries: new Int32Array(memory, entriesAt, 2 * capacity),
      sums: new Int32Array(memory, entriesAt + capacity * BATCH_ENTRY_BYTES, summed),
    }
    return { handle: batch, keeper: batch }
  }

  openArray(bytes: Uint8Array): OpenArray | number {
    return openArray(bytes)
  }

  openMutex(bytes: Uint8Array): OpenMutex | number {
    return openMutex(bytes)
  }

  mutexWait(handle: unknown, milliseconds: number): Status {
    return mutexWait(handle, milliseconds)
  }

  mutexAnnounce(handle: unknown): void {
    mutexAnnounce(handle)
  }

  openCpuLock(bytes: Uint8Array): OpenCpuLock | number {
    return openCpuLock(bytes)
  }

  cpuLockWait(handle: unknown, milliseconds: number): number {
    return cpuLockWait(handle, milliseconds)
  }

  poolFlush(handle: unknown, shard: number): number {
    return poolFlush(handle, shard)
  }

  openRing(bytes: Uint8Array, scratch: Uint8Array): OpenRing | number {
    return openRing(bytes, scratch)
  }

  close(handle: unknown): void {
    closeHandle(handle as object)
  }

  counterBigint(handle: unknown, i: number): bigint | null {
    const region = handle as PortableRegion
    return i < region.length && region.element === Element.i64 ? exactSum(region, i) : null
  }

  counterReset(handle: unknown, i: number): number | null | undefined {
    const region = handle as PortableRegion
    if (i >= region.length) return null
    const { status, held } = setCounter(region, i, 0)
    return status === Status.ok ? held : undefined
  }

  counterShards(handle: unknown, i: number, into: Float64Array): boolean {
    const region = handle as PortableRegion
    if (i >= region.length || into.length <= region.shards) return false
    for (let shard = 0; shard <= region.shards; shard++) {
      into[shard] = toNumber(region, load(region, shard, i))
    }
    return true
  }

  openSeries(): null {
    return null
  }

  counterSnapshot(handle: unknown, into: Float64Array | BigInt64Array): boolean {
    const region = handle as PortableRegion
    if (into.length < region.length) return false
    if (types.isBigInt64Array(into) && region.element !== Element.i64) return false
    for (let i = 0; i < region.length; i++) {
      if (types.isBigInt64Array(into)) into[i] = exactSum(region, i)
      else into[i] = operations.counterGet(region, i)
    }
    return true
  }
}
