/**
 * The contract between the public classes and a backend. The native backend and the portable backend implement it.
 *
 * @module
 */
import type { ArrayOperations } from './array-operations.js'
import type {
  Arena,
  ArrayElement,
  ElementName,
  Index,
  IndexName,
  Kind,
  PolicyName,
  RegionSpec,
  Status,
  Writers,
} from './layout.js'
import type { Handle, Operations, WaitingOperations } from './operations.js'
import type { RingOperations } from './ring-operations.js'
import type { StackOperations } from './stack-operations.js'

/**
 * How JavaScript calls the hot operations, fastest first: by V8 fast calls, by Node-API, or as TypeScript on `Atomics`.
 */
export type Tier = 'fast' | 'napi' | 'portable'

/**
 * How a process works on shared memory: by sections, which JavaScript reaches by V8 fast calls (`fast`) or by Node-API
 * (`napi`); or without sections, by atomics and locks on overflow shards (`atomics`). `unknown`: the process did not say.
 */
export type SharedWay = 'unknown' | 'fast' | 'napi' | 'atomics'

/** A checked, open region. */
export interface OpenRegion {
  readonly handle: Handle
  readonly element: ElementName
  readonly index: IndexName
  readonly writers: Writers
  readonly shards: number
  readonly length: number
  readonly arena: Arena
  /** Where the arena begins, with the words of its units: in bytes from the beginning of the opened bytes. */
  readonly firstWord: number
  /** Keeps the memory and the handle open: hold a reference as long as `handle` is used. */
  readonly keeper: unknown
}

/** The memory of a batch, open in the backend. */
export interface OpenBatch {
  readonly handle: Handle
  /** Keeps the handle open: hold a reference to it, and to the region's keeper, as long as `handle` is used. */
  readonly keeper: unknown
}

/** A mutex, open for the calling thread. */
export interface OpenMutex {
  readonly handle: Handle
  /** The words of the lock, as {@link LockWord} names them. */
  readonly words: Int32Array
  /** Whether other processes have the mutex, too: nobody there can call a task of this process. */
  readonly isShared: boolean
  /** Keeps the handle open. If it is collected while the mutex is held, the mutex stays locked until the thread ends. */
  readonly keeper: unknown
}

/** An array of words for each CPU, open for the calling thread. */
export interface OpenArray {
  readonly handle: Handle
  readonly element: ArrayElement
  readonly index: IndexName
  readonly shards: number
  /** Words of each shard, without the stop word. */
  readonly length: number
  /** Its first word says on which shard the last operation with this handle was made; see {@link ArrayNote}. */
  readonly notes: Int32Array
  /** Keeps the memory and the handle open: hold a reference as long as `handle` is used. */
  readonly keeper: unknown
}

/** A lock for each CPU, open for the calling thread. */
export interface OpenCpuLock extends OpenMutex {
  /** Number of shards, without the overflow shard. */
  readonly shards: number
  /** Distance from the words of one shard to those of the next, in 32-bit words. */
  readonly stride: number
}

/** A ring, open for the calling thread. */
export interface OpenRing {
  readonly handle: Handle
  readonly index: IndexName
  readonly writers: Writers
  readonly policy: PolicyName
  readonly shards: number
  /** Bytes of each CPU's ring. */
  readonly capacity: number
  /** Bytes of the longest record. */
  readonly longest: number
  /** The words that wake readers, as {@link RingWake} names them. */
  readonly wake: Int32Array
  /** Keeps the memory and the handle open: hold a reference as long as `handle` is used. */
  readonly keeper: unknown
}

/** The CPU, the NUMA node and the concurrency id of the calling thread at the moment of the call. */
export interface Place {
  readonly cpuId: () => number
  readonly numaNode: () => number
  readonly concurrencyId: () => number
}

/** Everything that the public classes need from a backend. */
export interface Backend {
  readonly name: 'native' | 'portable'
  readonly tier: Tier
  /** Number of shards of a new region, without the overflow shard. */
  readonly possibleCpus: number
  readonly operations: Operations
  /** The operations to call after the operation of the same name has answered {@link Status.busy}: these wait. */
  readonly waiting: WaitingOperations
  readonly stacks: StackOperations
  readonly rings: RingOperations
  readonly arrays: ArrayOperations
  readonly place: Place
  /** The clock that stamps records, in nanoseconds: CLOCK_MONOTONIC, or the runtime's clock on the portable backend. */
  readonly now: () => bigint
  /** Converts a time of {@link now} to wall-clock time, in nanoseconds since 1970. */
  readonly wallTime: (time: bigint) => bigint
  /** How the shards of a region made by this backend are written. */
  readonly writers: Writers
  /** The index that a new region gets if the program asks for `wanted`. */
  indexFor(wanted: Index): Index
  /** Writes the header of a new region into zeroed bytes. Answers a RegionError. */
  format(bytes: Uint8Array, spec: RegionSpec): number
  /** The open region, or a RegionError. */
  open(bytes: Uint8Array, kind: Kind): OpenRegion | number
  /**
   * Opens a batch of additions to the counters of `handle`. `memory` belongs to the caller. It holds `capacity` doubles
   * (the wide deltas), then `capacity` entries, then the sums of the first `summed` counters, rounded up to
   * {@link SUMS_AT_ONCE}. Entries with `SECOND_REGION` add to the f64 counters of `second`. Null if too many batches are
   * open.
   */
  openBatch(
    handle: Handle,
    memory: ArrayBuffer,
    capacity: number,
    second?: Handle,
    summed?: number,
  ): OpenBatch | null
  /** The open mutex, or a RegionError. */
  openMutex(bytes: Uint8Array): OpenMutex | number
  /**
   * Blocks until the mutex is taken or the milliseconds are over. Blocks no longer than {@link LOCK_SLICE_MS}, because a
   * thread can be terminated only when it returns to JavaScript. `ok`, `ownerDied`: the thread has the mutex. `busy`: the
   * time is over.
   */
  mutexWait(handle: Handle, milliseconds: number): Status
  /**
   * Announces that a task is about to wait for a change of `LockWord.calls`: the next unlock of any thread answers `call`. The
   * task must have read that word before the call, and must try to take the mutex after it.
   */
  mutexAnnounce(handle: Handle): void
  openArray(bytes: Uint8Array): OpenArray | number
  openCpuLock(bytes: Uint8Array): OpenCpuLock | number
  /** Blocks like {@link mutexWait}, for the lock of the CPU that the thread is on; answers like `cpuLockTry`. */
  cpuLockWait(handle: Handle, milliseconds: number): number
  /** Moves the free blocks of a CPU's cache to the pool's central store; answers their number, or -{@link Status}. */
  poolFlush(handle: Handle, shard: number): number
  /** Opens a ring. `ringWrite` takes the bytes of a record from `scratch`. */
  openRing(bytes: Uint8Array, scratch: Uint8Array): OpenRing | number
  /** Closes a handle: later uses of it are refused. A lock that is held stays taken until the thread ends. */
  close(handle: Handle): void
  /** The exact value of an i64 counter; null if the handle, the index or the element is refused. */
  counterBigint(handle: Handle, i: number): bigint | null
  /**
   * Sets a counter to 0 and answers its former value. Null if the handle or the index is refused; undefined if the counter
   * cannot be set (`contended` or `unfenceable` of `counterSet`).
   */
  counterReset(handle: Handle, i: number): number | null | undefined
  /** Copies counter `i` of every shard, the overflow shard last. False if the handle or the index is refused. */
  counterShards(handle: Handle, i: number, into: Float64Array): boolean
  /** Copies the totals of all counters. False if the handle is refused. */
  counterSnapshot(handle: Handle, into: Float64Array | BigInt64Array): boolean
  /** Makes the object that `native/addon/series.h` reads; null if the counters are not open, or there is no native code. */
  openSeries(
    kind: number,
    handle: Handle,
    first: number,
    sums: Handle,
    sum: number,
    takesNegative: number,
    bounds: Float64Array,
  ): object | null
}
