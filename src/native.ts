/**
 * The addon, typed: everything that `native/addon` exports, and how it is loaded.
 *
 * @module
 */
import { search, target } from './binary.js'
import type { Operations } from './operations.js'
import type { RingOperations } from './ring-operations.js'
import type { ArrayOperations } from './array-operations.js'
import type { StackOperations } from './stack-operations.js'

/** The Node-API way into the hot operations: arguments and result are in `scratch`. */
export interface ScratchOperations {
  readonly counterAdd: () => void
  readonly counterAddInt32: () => void
  readonly counterAddFloat64: () => void
  readonly counterGet: () => void
  readonly counterSet: () => void
  readonly countedAdd: () => void
  readonly batchTrySums: () => void
  readonly batchAddSums: () => void
  readonly batchCommit: () => void
  readonly mutexTryLock: () => void
  readonly mutexUnlock: () => void
  readonly stackPush: () => void
  readonly stackTryPush: () => void
  readonly stackPop: () => void
  readonly stackTryPop: () => void
  readonly listPush: () => void
  readonly listTryPush: () => void
  readonly listPop: () => void
  readonly listTryPop: () => void
  readonly poolAlloc: () => void
  readonly poolFree: () => void
  readonly ringWrite: () => void
  readonly ringTryWrite: () => void
  readonly cpuLockTry: () => void
  readonly cpuLockUnlock: () => void
  readonly arrayAct: () => void
  readonly arrayActOn: () => void
  readonly arrayTryAddInt32: () => void
  readonly arrayTryAdd: () => void
  readonly arrayTryExchange: () => void
  readonly arrayTryCompareExchange: () => void
  readonly arrayTryLoad: () => void
}

/** The way of V8 fast calls, built for one Node version. */
export interface FastBinding {
  readonly operations: Operations
  /** Calls of this thread that took V8's slow callback: all others were fast. */
  slowCalls(): number
}

/** What the calling thread has. */
export interface NativeThread {
  owner: 'libc' | 'self' | 'none'
  /** Bytes of the area that the kernel fills. */
  usableSize: number
  /** errno of a refused registration, or 0. */
  error: number
  /** Bits of the membarrier commands that the kernel has. */
  membarrier: number
  possibleCpus: number
  /** The kernel's release, as `uname -r` prints it. */
  kernel: string
  /** The version of glibc; empty on musl. */
  glibc: string
  threadId: number
}

/** An open region, as the addon hands it out. */
export interface NativeRegion {
  handle: number
  element: number
  index: number
  writers: number
  shards: number
  length: number
  units: number
  unitSize: number
  isChecked: boolean
  firstWord: number
  /** Holds the memory and the handle; both are let go when it is collected. */
  keeper: object
}

/** An array of words, open for the calling thread. */
export interface NativeArray {
  handle: number
  element: number
  index: number
  shards: number
  length: number
  notes: Int32Array
  /** Holds the memory and the handle; both are let go when it is collected. */
  keeper: object
}

/** A lock or locks, open for the calling thread. */
export interface NativeLock {
  handle: number
  /** Where the first one's words begin, and how far it is to the next one's; in bytes. */
  firstShard: number
  stride: number
  /** Without the overflow shard. */
  shards: number
  /** Holds the memory and the handle. When it is collected, what is held goes to the next locker. */
  keeper: object
}

/** A ring, open for the calling thread. */
export interface NativeRing {
  handle: number
  index: number
  writers: number
  policy: number
  shards: number
  /** Bytes of each CPU's ring, and of the longest record. */
  capacity: number
  longest: number
  /** Where the overflow shard begins, in bytes. */
  overflowShard: number
  keeper: object
}

/** The figures of the native self-test; see `native/rseq/verify.h`. */
export interface NativeVerification {
  passed: boolean
  error: number
  systemError: number
  cpu: number
  signals: number
  signalAborts: number
  preemptionTries: number
  preemptionAborts: number
  expected: number
  counted: number
  aborts: number
  controlExpected: number
  controlCounted: number
}

/** The whole binding. */
export interface NativeBinding {
  readonly scratch: Float64Array
  readonly operations: ScratchOperations
  readonly stacks: StackOperations
  readonly rings: RingOperations
  readonly arrays: ArrayOperations
  /** The `process.versions.modules` that the fast calls are built for; 0 where the binary has none for the running Node. */
  readonly fastAbi: number
  /** Made when first read: only on Node itself, where `fastAbi` is the running one. Else null, or the end of the process. */
  readonly fast: FastBinding | null
  thread(): NativeThread
  threadArea(): Int32Array | null
  getCpu(what: 0 | 1): number
  /** Ends the sections that run on a CPU, or on all. False if there is no way. */
  fence(cpu?: number): boolean
  /** Registers the process for membarrier's fences; false if the kernel has none. */
  enableFences(): boolean
  /** The self-test; with `cached`, the process's last figures if there are any. */
  verify(cached: boolean): NativeVerification
  formatRegion(
    bytes: Uint8Array,
    kind: number,
    element: number,
    index: number,
    writers: number,
    shards: number,
    length: number,
    policy: number,
    units: number,
    unitSize: number,
    isChecked: boolean,
  ): number
  openRegion(bytes: Uint8Array, kind: number): NativeRegion | number
  openHandles(): number
  /** How many blocks went from a CPU's cache to the central store, or -{@link Status}. */
  poolFlush(handle: number, shard: number): number
  /** `second`: a handle of f64 counters, or 0. `summed`: how many counters have sums. */
  openBatch(
    handle: number,
    memory: ArrayBuffer,
    capacity: number,
    second: number,
    summed: number,
  ): { handle: number; keeper: object } | null
  openMutex(bytes: Uint8Array): NativeLock | number
  mutexWait(handle: number, milliseconds: number): number
  mutexCallMe(handle: number, isIn: boolean): void
  openArray(bytes: Uint8Array): NativeArray | number
  openCpuLock(bytes: Uint8Array): NativeLock | number
  cpuLockWait(handle: number, milliseconds: number): number
  openRing(bytes: Uint8Array, scratch: Uint8Array): NativeRing | number
  counterBigint(handle: number, i: number): bigint | null
  counterReset(handle: number, i: number): number | null | undefined
  counterShards(handle: number, i: number, into: Float64Array): boolean
  counterSnapshot(handle: number, into: Float64Array | BigInt64Array): boolean
}

/** Why a candidate was not taken, in a few words. */
function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'MODULE_NOT_FOUND' ? 'not there' : (message.split('\n')[0] ?? '')
}

/** Tries all candidates; the addon, or what was looked for and why not. */
function firstThatLoads(): NativeBinding | { looked: string; cause: unknown } {
  const tried: string[] = []
  let place = ''
  let cause: unknown = null
  try {
    const found = search()
    place = found.place
    for (const { name, load } of found.candidates) {
      try {
        return load() as NativeBinding
      } catch (error) {
        cause = error
        tried.push(`${name} (${whyNot(error)})`)
      }
    }
  } catch (error) {
    return { looked: `nothing (${whyNot(error)})`, cause: error }
  }
  return { looked: `${tried.join(', ') || 'nothing that fits'} in ${place}`, cause }
}

/**
 * Loads the addon.
 *
 * @throws Error naming the platform, C library and ABI that no binary fits, what was looked for, and the
 *   command that compiles one.
 */
export function loadNative(): NativeBinding {
  const found = firstThatLoads()
  if (!('looked' in found)) return found
  throw new Error(
    `rseq: no native library for ${target()}: looked for ${found.looked}. ` +
      'To compile it, with python3, make and a C++17 compiler at hand: npx rseq build. ' +
      'In a bundle: see "Bundlers" in the README',
    { cause: found.cause },
  )
}
