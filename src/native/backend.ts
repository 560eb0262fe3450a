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
} from '../core/contract.js'
import {
  Index,
  type Element,
  type Kind,
  type Policy,
  type RegionSpec,
  RING_WAKE_WORDS,
  RingWord,
  type Status,
  Writers,
  arrayElement,
  elementName,
  indexName,
  policyName,
} from '../core/layout.js'
import type { ArrayOperations } from '../core/array-operations.js'
import { scratchOperations } from './generated/scratch-operations.js'
import type { FastBinding, NativeBinding, NativeLock, NativeThread } from './binding.js'
import type { Handle, Operations, WaitingOperations } from '../core/operations.js'
import type { RingOperations } from '../core/ring-operations.js'
import type { StackOperations } from '../core/stack-operations.js'

/** Positions of the kernel's fields in the thread's area, in 32-bit words. */
const AreaWord = { cpuId: 1, nodeId: 5, mmCid: 6 } as const

/** Which optional fields the calling thread's area holds, given its usable size in bytes. */
export function fieldsOf(usableSize: number): { nodeId: boolean; mmCid: boolean } {
  const covers = (word: number): boolean => usableSize >= 4 * (word + 1)
  return { nodeId: covers(AreaWord.nodeId), mmCid: covers(AreaWord.mmCid) }
}

/**
 * Functions that read where the thread runs from its own area. If the area lacks a field, they use a system call, or the id of
 * the CPU as the concurrency id.
 */
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

/** Adds the words to a lock that was opened in `bytes`: those from the first shard to the end of the overflow shard. */
function openLock(bytes: Uint8Array, opened: NativeLock | number): OpenCpuLock | number {
  if (typeof opened === 'number') return opened
  const { handle, firstShard, shards, service, keeper } = opened
  const stride = opened.stride / Int32Array.BYTES_PER_ELEMENT
  const words = new Int32Array(bytes.buffer, firstShard, (shards + 1) * stride)
  return { handle, words, shards, stride, isShared: service !== 0, keeper }
}

export class NativeBackend implements Backend {
  readonly name = 'native'
  readonly tier: Tier
  readonly writers = Writers.sections
  readonly possibleCpus: number
  readonly operations: Operations
  readonly waiting: WaitingOperations
  readonly stacks: StackOperations
  readonly rings: RingOperations
  readonly arrays: ArrayOperations
  readonly place: Place
  readonly now: () => bigint
  readonly wallTime: (time: bigint) => bigint
  readonly #native: NativeBinding
  readonly #hasMmCid: boolean

  /** @param fast - the fast calls of V8, or null to use Node-API. */
  constructor(native: NativeBinding, thread: NativeThread, fast: FastBinding | null) {
    this.tier = fast === null ? 'napi' : 'fast'
    this.#native = native
    this.#hasMmCid = fieldsOf(thread.usableSize).mmCid
    this.possibleCpus = thread.possibleCpus
    this.operations = fast?.operations ?? scratchOperations(native.scratch, native.operations)
    this.waiting = native.waiting
    this.stacks = native.stacks
    this.rings = native.rings
    this.arrays = native.arrays
    this.place = placeOf(native, thread)
    this.now = native.now
    this.wallTime = native.wallTime
  }

  /** Kernels before Linux 6.3 have no concurrency id. The CPU's id is as correct there, but spreads over more shards. */
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
    const { units, unitSize, isChecked, isShared } = region
    return {
      ...region,
      arena: { units, unitSize, isChecked, isShared },
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

  mutexAnnounce(handle: unknown): void {
    this.#native.mutexAnnounce(handle as number)
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
      wake: new Int32Array(bytes.buffer, ring.overflowShard + RingWord.wake * 8, RING_WAKE_WORDS),
    }
  }

  close(handle: unknown): void {
    this.#native.close(handle as number)
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

  openSeries(...[kind, handle, first, sums, ...rest]: Parameters<Backend['openSeries']>): object | null {
    return this.#native.openSeries(kind, handle as number, first, sums as number, ...rest)
  }
}
