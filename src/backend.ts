/**
 * What the public classes stand on: one interface, two ways to fulfil it. Which one this thread uses
 * is decided once, here, when the package is loaded.
 *
 * @module
 */
import { constants } from 'node:os'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { hasSections, isNodeItself, platformName, target } from './binary.js'
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
import { type FastBinding, type NativeBinding, loadNative } from './native.js'
import { NativeBackend } from './native-backend.js'
import { PortableBackend } from './portable/backend.js'
import { whyNotPassed } from './self-test.js'
import { systemErrorText } from './errors.js'
import type { Handle, Operations } from './operations.js'
import type { RingOperations } from './ring-operations.js'
import type { ArrayOperations } from './array-operations.js'
import type { StackOperations } from './stack-operations.js'

/** How the hot operations get to their code, fastest first. */
export type Tier = 'fast' | 'napi' | 'portable'

/** A checked, open region. Whoever holds it keeps the memory. */
export interface OpenRegion {
  readonly handle: Handle
  readonly element: ElementName
  readonly index: IndexName
  readonly writers: Writers
  readonly shards: number
  readonly length: number
  readonly arena: Arena
  /** Where the arena begins, with the units' words: bytes from the beginning of what was opened. */
  readonly firstWord: number
  /** To be held as long as `handle` is used. */
  readonly keeper: unknown
}

/** A batch's memory, known to the backend. */
export interface OpenBatch {
  readonly handle: Handle
  /** To be held as long as `handle` is used, beside the region's own. */
  readonly keeper: unknown
}

/** A mutex, open for the calling thread. */
export interface OpenMutex {
  readonly handle: Handle
  /** See {@link LockWord}. */
  readonly words: Int32Array
  /** To be held as long as `handle` is used: without it, a held mutex goes to the next locker. */
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
  /** Its first word says where this object's last operation was made; see {@link ArrayNote}. */
  readonly notes: Int32Array
  /** To be held as long as `handle` is used. */
  readonly keeper: unknown
}

/** A lock for each CPU, open for the calling thread. */
export interface OpenCpuLock extends OpenMutex {
  /** Without the overflow shard. */
  readonly shards: number
  /** From one shard's words to the next one's, in 32-bit words. */
  readonly stride: number
}

/** A ring, open for the calling thread. */
export interface OpenRing {
  readonly handle: Handle
  readonly index: IndexName
  readonly writers: Writers
  readonly policy: PolicyName
  readonly shards: number
  /** Bytes of each CPU's ring, and of the longest record. */
  readonly capacity: number
  readonly longest: number
  /** See {@link RingWake}. */
  readonly wake: Int32Array
  /** To be held as long as `handle` is used. */
  readonly keeper: unknown
}

/** Which CPU, node and concurrency id the calling thread is on. */
export interface Place {
  readonly cpuId: () => number
  readonly numaNode: () => number
  readonly concurrencyId: () => number
}

export interface Backend {
  readonly name: 'native' | 'portable'
  readonly tier: Tier
  /** Shards that a new region gets. */
  readonly possibleCpus: number
  readonly operations: Operations
  readonly stacks: StackOperations
  readonly rings: RingOperations
  readonly arrays: ArrayOperations
  readonly place: Place
  /** How regions made here are written. */
  readonly writers: Writers
  /** The index that a region made here gets where `wanted` is asked for. */
  indexFor(wanted: Index): Index
  format(bytes: Uint8Array, spec: RegionSpec): number
  /** The open region, or the number of a RegionError. */
  open(bytes: Uint8Array, kind: Kind): OpenRegion | number
  /**
   * A batch of additions to the counters. `memory` holds `capacity` doubles, the wide deltas, after them as many entries,
   * and after them the sums of the first `summed` counters, rounded up to {@link SUMS_AT_ONCE}; it stays with the caller.
   * `second` are the f64 counters that entries with `SECOND_REGION` mean. Null if too many are open.
   */
  openBatch(
    handle: Handle,
    memory: ArrayBuffer,
    capacity: number,
    second?: Handle,
    summed?: number,
  ): OpenBatch | null
  /** The open mutex, or the number of a RegionError. */
  openMutex(bytes: Uint8Array): OpenMutex | number
  /**
   * Blocks for a mutex, at most so many milliseconds and never longer than {@link LOCK_SLICE_MS}, as a
   * thread must come back to be terminated. `ok`, `ownerDied`: taken. `busy`: the time is over.
   */
  mutexWait(handle: Handle, milliseconds: number): Status
  /** Counts a waiter in JavaScript in or out: while there are some, unlocking answers `call`. */
  mutexCallMe(handle: Handle, isIn: boolean): void
  openArray(bytes: Uint8Array): OpenArray | number
  openCpuLock(bytes: Uint8Array): OpenCpuLock | number
  /** Blocks as {@link mutexWait}, for the lock of whichever CPU the thread is on; answers as `cpuLockTry`. */
  cpuLockWait(handle: Handle, milliseconds: number): number
  /** Moves what a CPU's cache has to the pool's central store; answers how much that was, or -{@link Status}. */
  poolFlush(handle: Handle, shard: number): number
  /** `scratch`: where what is to be written will be. */
  openRing(bytes: Uint8Array, scratch: Uint8Array): OpenRing | number
  /** Null if refused, as below. */
  counterBigint(handle: Handle, i: number): bigint | null
  /** Undefined if contended. */
  counterReset(handle: Handle, i: number): number | null | undefined
  counterShards(handle: Handle, i: number, into: Float64Array): boolean
  counterSnapshot(handle: Handle, into: Float64Array | BigInt64Array): boolean
}

/** What was chosen, and why. */
export interface Choice {
  readonly backend: Backend
  /** The addon, if it is in use. */
  readonly native: NativeBinding | null
  /** Why the native backend is not in use; null if it is. */
  readonly reason: string | null
}

const BACKENDS = ['auto', 'native', 'portable'] as const
const SWITCH = ['0', '1'] as const
const TIERS = ['auto', 'fast', 'napi', 'portable'] as const

/** The value of an environment variable that is one of a few words; the first where it is not set. */
function setting<Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
  const value = process.env[name] ?? ''
  if (value === '') return words[0]
  const word = words.find((candidate) => candidate === value)
  if (word === undefined) {
    throw new RangeError(`${name}: expected one of ${words.join(', ')}, got ${JSON.stringify(value)}`)
  }
  return word
}

/** Why a thread could not be registered, in words for who has to do something about it. */
function refusal(errno: number): string {
  const { EINVAL, EBUSY, ENOSYS, EPERM, EACCES } = constants.errno
  const why = new Map([
    [EINVAL, 'another library, or another copy of this one, has registered it already'],
    [EBUSY, 'it is registered already'],
    [ENOSYS, 'the kernel has none (it is older than 4.18, or built without)'],
    [EPERM, 'a sandbox (seccomp) forbids the call'],
    [EACCES, 'a sandbox (seccomp) forbids the call'],
  ]).get(errno)
  const words = why === undefined ? '' : `; ${why}`
  return `the kernel refused to register this thread for rseq: ${systemErrorText(errno)}${words}`
}

function choosePortable(reason: string): Choice {
  return { backend: new PortableBackend(), native: null, reason }
}

/** Where this thread notes for those that it starts that the warning has been given. */
const WARNED = 'rseq: no native library'

/** Warns that sections would be to be had, once for a thread and all those that it starts afterwards. */
function warn(reason: string): void {
  if (getEnvironmentData(WARNED) === true) return
  setEnvironmentData(WARNED, true)
  const text =
    `${reason}. The portable backend runs instead: the results are the same, updates take longer. ` +
    'To silence this: RSEQ_BACKEND=portable'
  process.emitWarning(text, { code: 'RSEQ_PORTABLE' })
}

/**
 * The binary's fast calls, if they are for this very runtime: elsewhere even making them would end the
 * process.
 */
function fastCalls(native: NativeBinding): FastBinding | null {
  return isNodeItself() && process.versions.modules === String(native.fastAbi) ? native.fast : null
}

/** Decides by `RSEQ_BACKEND`, `RSEQ_TIER`, `RSEQ_VERIFY` and by what there is. */
function choose(): Choice {
  const wanted = setting('RSEQ_BACKEND', BACKENDS)
  const tier = setting('RSEQ_TIER', TIERS)
  if (wanted === 'portable') return choosePortable('RSEQ_BACKEND=portable')
  if (tier === 'portable') return choosePortable('RSEQ_TIER=portable')
  if (wanted === 'auto' && !hasSections()) {
    return choosePortable(`restartable sequences are not to be had on ${platformName()}`)
  }
  let native: NativeBinding
  try {
    native = loadNative()
  } catch (error) {
    if (wanted === 'native') throw error
    const reason = (error as Error).message
    warn(reason)
    return choosePortable(reason)
  }
  const thread = native.thread()
  if (thread.owner === 'none') {
    const reason = refusal(thread.error)
    if (wanted === 'native') throw new Error(`rseq: ${reason}`)
    return choosePortable(reason)
  }
  // Once per process: whoever loads the package later gets the figures of the first.
  const failure = setting('RSEQ_VERIFY', SWITCH) === '1' ? whyNotPassed(native.verify(true)) : null
  if (failure !== null) {
    const reason = `RSEQ_VERIFY=1, and the self-test failed: ${failure}`
    if (wanted === 'native') throw new Error(`rseq: ${reason}`)
    return choosePortable(reason)
  }
  const fast = tier === 'napi' ? null : fastCalls(native)
  if (tier === 'fast' && fast === null) {
    throw new Error(`rseq: RSEQ_TIER=fast, but the native library has no fast calls for ${target()}`)
  }
  return { backend: new NativeBackend(native, thread, fast), native, reason: null }
}

export const choice: Choice = choose()
export const backend: Backend = choice.backend
