/**
 * The portable backend: the same layout and contract in TypeScript, with `Atomics`. For platforms,
 * kernels and sandboxes without restartable sequences, so that the same program runs there.
 *
 * A thread writes the shard of its thread id. A region whose shards are written by sections
 * elsewhere (`Writers.sections`) it updates in the overflow shard only: atomics and sections on one
 * word would lose updates.
 *
 * @module
 */
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
} from '../backend.js'
import type { Handle, Operations } from '../operations.js'
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
} from '../layout.js'
import { fromBits, toBits } from '../word-bits.js'
import { arrayOperations, arrays, openArray } from './arrays.js'
import { cpuLockTry, cpuLockUnlock, cpuLockWait, openCpuLock } from './cpu-lock.js'
import { mutexCallMe, mutexTryLock, mutexUnlock, mutexWait, openMutex } from './mutex.js'
import { type PortableRegion, at, formatRegion, openRegion, ownShard } from './region.js'
import { poolFlush, poolOperations } from './pools.js'
import { listOperations } from './lists.js'
import { stacks } from './remote.js'
import { openRing, ringOperations, rings } from './rings.js'
import { stackOperations } from './stacks.js'

/** Bounds the compare-and-exchange loops. One fails only when another thread's has succeeded. */
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

/** Adds to a double by compare-and-exchange on its bits. */
function addDouble(words: BigInt64Array, position: number, delta: number): Status {
  let seen = Atomics.load(words, position)
  for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS; attempt++) {
    const before = Atomics.compareExchange(words, position, seen, toBits(fromBits(seen) + delta))
    if (before === seen) return Status.ok
    seen = before
  }
  return Status.contended
}

/** The exact sum of an i64 counter over the shards, without the overflow shard. */
function sumShardsExactly(region: PortableRegion, i: number): bigint {
  let sum = 0n
  for (let shard = 0; shard < region.shards; shard++) sum += load(region, shard, i)
  return sum
}

function sumShardsOfDoubles(region: PortableRegion, i: number): number {
  let sum = 0
  for (let shard = 0; shard < region.shards; shard++) sum += fromBits(load(region, shard, i))
  return sum
}

// The overflow word is read before the shards. A reset in between then shows as not yet done; read the
// other way round, it would be taken off shards that are older than it.
function exactSum(region: PortableRegion, i: number): bigint {
  const overflow = load(region, region.shards, i)
  return BigInt.asIntN(64, sumShardsExactly(region, i) + overflow)
}

function sumOfDoubles(region: PortableRegion, i: number): number {
  const overflow = fromBits(load(region, region.shards, i))
  return sumShardsOfDoubles(region, i) + overflow
}

/** What setting a counter replaces the overflow word by, and what the counter held then. */
function afterSet(
  region: PortableRegion,
  i: number,
  value: number,
  overflow: bigint,
): { word: bigint; held: number } {
  if (region.element === Element.i64) {
    const sum = sumShardsExactly(region, i)
    const word = BigInt.asIntN(64, BigInt(value) - sum)
    return { word, held: Number(BigInt.asIntN(64, sum + overflow)) }
  }
  const sum = sumShardsOfDoubles(region, i)
  return { word: toBits(value - sum), held: sum + fromBits(overflow) }
}

/** Sets a counter and returns what it held; undefined if contended. */
function exchange(region: PortableRegion, i: number, value: number): number | undefined {
  const position = at(region, region.shards, i)
  let seen = Atomics.load(region.words, position)
  for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS; attempt++) {
    const { word, held } = afterSet(region, i, value, seen)
    const before = Atomics.compareExchange(region.words, position, seen, word)
    if (before === seen) return held
    seen = before
  }
  return undefined
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
    return exchange(region, i, value) === undefined ? Status.contended : Status.ok
  },

  countedAdd(counts: Handle, bucket: number, sums: Handle, sum: number, value: number): Status {
    const [region, sumRegion] = [counts as PortableRegion, sums as PortableRegion]
    if (region.element !== Element.i64) return Status.badHandle
    if (sumRegion.element === Element.i64 && !Number.isSafeInteger(value)) return Status.badValue
    if (bucket >= region.length || sum >= sumRegion.length) return Status.outOfRange
    const status = counterAdd(region, bucket, 1)
    return status === Status.ok ? counterAdd(sumRegion, sum, value) : status
  },

  batchTrySums(): number {
    return 0 // There is one way here: batchAddSums().
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

  batchCommit(batch: Handle, count: number): Status {
    const { region, second, entries, wide } = batch as PortableBatch
    if (count > wide.length) return Status.outOfRange
    for (let k = 0; k < count; k++) {
      const element = entries[2 * k] as number
      const isSecond = (element & SECOND_REGION) !== 0
      const isWide = isSecond || (element & WIDE_DELTA) !== 0
      const delta = (isWide ? wide[k] : entries[2 * k + 1]) as number
      const target = isSecond ? second : region
      if (target === null) return Status.outOfRange
      const status = counterAdd(target, element & ~(isSecond ? SECOND_REGION : WIDE_DELTA), delta)
      if (status !== Status.ok) return status
    }
    return Status.ok
  },
}

const operations: Operations = {
  ...counterOperations,
  ...stackOperations,
  ...poolOperations,
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
  readonly stacks = stacks
  readonly rings = rings
  readonly arrays = arrays
  readonly place: Place

  constructor() {
    // No CPU to ask for: each thread keeps a number of its own, in the same range and as good an index.
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
      region: handle as PortableRegion,
      second: second as PortableRegion | null,
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

  mutexCallMe(handle: unknown, isIn: boolean): void {
    mutexCallMe(handle, isIn)
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

  counterBigint(handle: unknown, i: number): bigint | null {
    const region = handle as PortableRegion
    return i < region.length && region.element === Element.i64 ? exactSum(region, i) : null
  }

  counterReset(handle: unknown, i: number): number | null | undefined {
    const region = handle as PortableRegion
    return i >= region.length ? null : exchange(region, i, 0)
  }

  counterShards(handle: unknown, i: number, into: Float64Array): boolean {
    const region = handle as PortableRegion
    if (i >= region.length || into.length <= region.shards) return false
    for (let shard = 0; shard <= region.shards; shard++) {
      into[shard] = toNumber(region, load(region, shard, i))
    }
    return true
  }

  counterSnapshot(handle: unknown, into: Float64Array | BigInt64Array): boolean {
    const region = handle as PortableRegion
    if (into.length < region.length) return false
    if (into instanceof BigInt64Array && region.element !== Element.i64) return false
    for (let i = 0; i < region.length; i++) {
      if (into instanceof BigInt64Array) into[i] = exactSum(region, i)
      else into[i] = operations.counterGet(region, i)
    }
    return true
  }
}
