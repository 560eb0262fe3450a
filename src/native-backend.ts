/**
 * The native backend: regions written by restartable sequences.
 *
 * @module
 */
import type {
  Backend,
  OpenArray,
  OpenBatch,
  OpenCpuLock,
  OpenMutex,
  OpenRegion,
  OpenRing,
  Place,
  Tier,
} from './backend.js'
import {
  Index,
  type Element,
  type Kind,
  type Policy,
  type RegionSpec,
  RingWord,
  type Status,
  Writers,
  arrayElement,
  elementName,
  indexName,
  policyName,
} from './layout.js'
import type { ArrayOperations } from './array-operations.js'
import { scratchArrayOperations, toNumber } from './array-scratch.js'
import type { FastBinding, NativeBinding, NativeLock, NativeThread } from './native.js'
import type { Handle, Operations } from './operations.js'
import type { RingOperations } from './ring-operations.js'
import type { StackOperations } from './stack-operations.js'

/** Positions of the kernel's fields in the thread's area, in 32-bit words. */
const AreaWord = { cpuId: 1, nodeId: 5, mmCid: 6 } as const

/** What the calling thread's area holds, given its usable size in bytes. */
export function fieldsOf(usableSize: number): { nodeId: boolean; mmCid: boolean } {
  const covers = (word: number): boolean => usableSize >= 4 * (word + 1)
  return { nodeId: covers(AreaWord.nodeId), mmCid: covers(AreaWord.mmCid) }
}

/** Loads from the thread's own area; where it lacks a field, the system call or the CPU's id. */
function placeOf(native: NativeBinding, thread: NativeThread): Place {
  const cpuBySystemCall = (): number => native.getCpu(0)
  const nodeBySystemCall = (): number => native.getCpu(1)
  const area = native.threadArea()
  if (area === null) {
    return { cpuId: cpuBySystemCall, numaNode: nodeBySystemCall, concurrencyId: cpuBySystemCall }
  }
  const fields = fieldsOf(thread.usableSize)
  const cpuId = (): number => area[AreaWord.cpuId] as number
  return {
    cpuId,
    numaNode: fields.nodeId ? (): number => area[AreaWord.nodeId] as number : nodeBySystemCall,
    concurrencyId: fields.mmCid ? (): number => area[AreaWord.mmCid] as number : cpuId,
  }
}

/**
 * The hot operations through Node-API: arguments into the scratch array, a call without arguments,
 * the answer from element 0. Half the price of passing them. All arguments are converted before the
 * first is stored: a `valueOf` may call an operation of its own.
 */
function scratchOperations(native: NativeBinding): Operations {
  const { scratch, operations } = native
  const { counterAdd, counterAddInt32, counterAddFloat64, counterGet } = operations
  const { counterSet, countedAdd, batchTrySums, batchAddSums, batchCommit } = operations
  const { mutexTryLock, mutexUnlock, cpuLockTry, cpuLockUnlock } = operations
  const { stackPush, stackTryPush, stackPop, stackTryPop } = operations
  const { poolAlloc, poolFree, listPush, listTryPush, listPop, listTryPop } = operations
  const { ringWrite, ringTryWrite } = operations
  // Integers go into the first half of an element: element k of `scratch` is word 2k.
  const words = new Int32Array(scratch.buffer)
  return {
    counterAdd(handle, i, delta): Status {
      const first = toNumber(handle)
      const second = toNumber(i)
      const third = toNumber(delta)
      words[0] = first
      words[2] = second
      scratch[2] = third
      counterAdd()
      return words[0] as Status
    },
    counterAddInt32(handle, i, delta): Status {
      const first = toNumber(handle)
      const second = toNumber(i)
      const third = toNumber(delta)
      words[0] = first
      words[2] = second
      words[4] = third
      counterAddInt32()
      return words[0] as Status
    },
    counterAddFloat64(handle, i, delta): Status {
      const first = toNumber(handle)
      const second = toNumber(i)
      const third = toNumber(delta)
      words[0] = first
      words[2] = second
      scratch[2] = third
      counterAddFloat64()
      return words[0] as Status
    },
    counterGet(handle, i): number {
      const first = toNumber(handle)
      const second = toNumber(i)
      words[0] = first
      words[2] = second
      counterGet()
      return scratch[0] as number
    },
    counterSet(handle, i, value): Status {
      const first = toNumber(handle)
      const second = toNumber(i)
      const third = toNumber(value)
      words[0] = first
      words[2] = second
      scratch[2] = third
      counterSet()
      return words[0] as Status
    },
    countedAdd(counts, bucket, sums, sum, value): Status {
      const first = toNumber(counts)
      const second = toNumber(bucket)
      const third = toNumber(sums)
      const fourth = toNumber(sum)
      const fifth = toNumber(value)
      words[0] = first
      words[2] = second
      words[4] = third
      words[6] = fourth
      scratch[4] = fifth
      countedAdd()
      return words[0] as Status
    },
    batchTrySums(batch, end): number {
      const first = toNumber(batch)
      const second = toNumber(end)
      words[0] = first
      words[2] = second
      batchTrySums()
      return words[0]
    },
    batchAddSums(batch): Status {
      words[0] = toNumber(batch)
      batchAddSums()
      return words[0] as Status
    },
    batchCommit(batch, count): Status {
      const first = toNumber(batch)
      const second = toNumber(count)
      words[0] = first
      words[2] = second
      batchCommit()
      return words[0] as Status
    },
    mutexTryLock(mutex): Status {
      words[0] = toNumber(mutex)
      mutexTryLock()
      return words[0] as Status
    },
    mutexUnlock(mutex): Status {
      words[0] = toNumber(mutex)
      mutexUnlock()
      return words[0] as Status
    },
    stackPush(handle, value): Status {
      const first = toNumber(handle)
      const second = toNumber(value)
      words[0] = first
      scratch[1] = second
      stackPush()
      return words[0] as Status
    },
    stackTryPush(handle, value): Status {
      const first = toNumber(handle)
      const second = toNumber(value)
      words[0] = first
      scratch[1] = second
      stackTryPush()
      return words[0] as Status
    },
    stackPop(handle): number {
      words[0] = toNumber(handle)
      stackPop()
      return scratch[0] as number
    },
    stackTryPop(handle): number {
      words[0] = toNumber(handle)
      stackTryPop()
      return scratch[0] as number
    },
    listPush(handle, node): Status {
      const first = toNumber(handle)
      const second = toNumber(node)
      words[0] = first
      words[2] = second
      listPush()
      return words[0] as Status
    },
    listTryPush(handle, node): Status {
      const first = toNumber(handle)
      const second = toNumber(node)
      words[0] = first
      words[2] = second
      listTryPush()
      return words[0] as Status
    },
    listPop(handle): number {
      words[0] = toNumber(handle)
      listPop()
      return words[0]
    },
    listTryPop(handle): number {
      words[0] = toNumber(handle)
      listTryPop()
      return words[0]
    },
    poolAlloc(handle): number {
      words[0] = toNumber(handle)
      poolAlloc()
      return words[0]
    },
    poolFree(handle, block): Status {
      const first = toNumber(handle)
      const second = toNumber(block)
      words[0] = first
      words[2] = second
      poolFree()
      return words[0] as Status
    },
    ringWrite(handle, length): Status {
      const first = toNumber(handle)
      const second = toNumber(length)
      words[0] = first
      words[2] = second
      ringWrite()
      return words[0] as Status
    },
    ringTryWrite(handle, length): Status {
      const first = toNumber(handle)
      const second = toNumber(length)
      words[0] = first
      words[2] = second
      ringTryWrite()
      return words[0] as Status
    },
    cpuLockTry(locks): number {
      words[0] = toNumber(locks)
      cpuLockTry()
      return words[0]
    },
    cpuLockUnlock(locks, shard): Status {
      const first = toNumber(locks)
      const second = toNumber(shard)
      words[0] = first
      words[2] = second
      cpuLockUnlock()
      return words[0] as Status
    },
    ...scratchArrayOperations(native),
  }
}

/** What was opened in `bytes`, with its words: of the first shard up to the end of the last one's. */
function openLock(bytes: Uint8Array, opened: NativeLock | number): OpenCpuLock | number {
  if (typeof opened === 'number') return opened
  const { handle, firstShard, shards, keeper } = opened
  const stride = opened.stride / Int32Array.BYTES_PER_ELEMENT
  const words = new Int32Array(bytes.buffer, firstShard, (shards + 1) * stride)
  return { handle, words, shards, stride, keeper }
}

export class NativeBackend implements Backend {
  readonly name = 'native'
  readonly tier: Tier
  readonly writers = Writers.sections
  readonly possibleCpus: number
  readonly operations: Operations
  readonly stacks: StackOperations
  readonly rings: RingOperations
  readonly arrays: ArrayOperations
  readonly place: Place
  readonly #native: NativeBinding
  readonly #hasMmCid: boolean

  /** @param fast - the V8 tier, or null for Node-API. */
  constructor(native: NativeBinding, thread: NativeThread, fast: FastBinding | null) {
    this.tier = fast === null ? 'napi' : 'fast'
    this.#native = native
    this.#hasMmCid = fieldsOf(thread.usableSize).mmCid
    this.possibleCpus = thread.possibleCpus
    this.operations = fast?.operations ?? scratchOperations(native)
    this.stacks = native.stacks
    this.rings = native.rings
    this.arrays = native.arrays
    this.place = placeOf(native, thread)
  }

  /** Kernels before 6.3 have no concurrency id: the CPU's id is as correct, only less compact. */
  indexFor(wanted: Index): Index {
    return this.#hasMmCid ? wanted : Index.cpu
  }

  format(bytes: Uint8Array, spec: RegionSpec): number {
    const { kind, element, index, writers, shards, length, policy } = spec
    const { units, unitSize, isChecked } = spec.arena
    return this.#native.formatRegion(
      ...([bytes, kind, element, index, writers, shards, length] as const),
      ...([policy, units, unitSize, isChecked] as const),
    )
  }

  open(bytes: Uint8Array, kind: Kind): OpenRegion | number {
    const region = this.#native.openRegion(bytes, kind)
    if (typeof region === 'number') return region
    const { units, unitSize, isChecked } = region
    return {
      ...region,
      arena: { units, unitSize, isChecked },
      element: elementName(region.element as Element),
      index: indexName(region.index as Index),
      writers: region.writers as Writers,
    }
  }

  openBatch(
    handle: unknown,
    memory: ArrayBuffer,
    capacity: number,
    second: Handle = 0,
    summed = 0,
  ): OpenBatch | null {
    return this.#native.openBatch(handle as number, memory, capacity, second as number, summed)
  }

  openArray(bytes: Uint8Array): OpenArray | number {
    const array = this.#native.openArray(bytes)
    if (typeof array === 'number') return array
    return {
      ...array,
      element: arrayElement(array.element as Element),
      index: indexName(array.index as Index),
    }
  }

  openMutex(bytes: Uint8Array): OpenMutex | number {
    return openLock(bytes, this.#native.openMutex(bytes))
  }

  mutexWait(handle: unknown, milliseconds: number): Status {
    return this.#native.mutexWait(handle as number, milliseconds) as Status
  }

  mutexCallMe(handle: unknown, isIn: boolean): void {
    this.#native.mutexCallMe(handle as number, isIn)
  }

  openCpuLock(bytes: Uint8Array): OpenCpuLock | number {
    return openLock(bytes, this.#native.openCpuLock(bytes))
  }

  cpuLockWait(handle: unknown, milliseconds: number): number {
    return this.#native.cpuLockWait(handle as number, milliseconds)
  }

  poolFlush(handle: unknown, shard: number): number {
    return this.#native.poolFlush(handle as number, shard)
  }

  openRing(bytes: Uint8Array, scratch: Uint8Array): OpenRing | number {
    const ring = this.#native.openRing(bytes, scratch)
    if (typeof ring === 'number') return ring
    const { handle, shards, capacity, longest, keeper } = ring
    return {
      ...{ handle, shards, capacity, longest, keeper },
      index: indexName(ring.index as Index),
      writers: ring.writers as Writers,
      policy: policyName(ring.policy as Policy),
      wake: new Int32Array(bytes.buffer, ring.overflowShard + RingWord.wake * 8, 2),
    }
  }

  counterBigint(handle: unknown, i: number): bigint | null {
    return this.#native.counterBigint(handle as number, i)
  }

  counterReset(handle: unknown, i: number): number | null | undefined {
    return this.#native.counterReset(handle as number, i)
  }

  counterShards(handle: unknown, i: number, into: Float64Array): boolean {
    return this.#native.counterShards(handle as number, i, into)
  }

  counterSnapshot(handle: unknown, into: Float64Array | BigInt64Array): boolean {
    return this.#native.counterSnapshot(handle as number, into)
  }
}
