/**
 * The types of everything that `native/addon` exports, and the function that loads the addon.
 *
 * @module
 */
import { types } from 'node:util'
import { search, target } from './binary.js'
import type { Operations, WaitingOperations } from '../core/operations.js'
import type { ScratchOperations } from './generated/scratch-operations.js'
import type { RingOperations } from '../core/ring-operations.js'
import type { ArrayOperations } from '../core/array-operations.js'
import type { StackOperations } from '../core/stack-operations.js'

/** The operations as V8 fast calls, built for one Node ABI. */
export interface FastBinding {
  readonly operations: Operations
  /** The number of calls of this thread that took V8's slow callback instead of the fast one. */
  slowCalls(): number
}

/** The state of the calling thread's registration, and facts on its kernel and C library. */
export interface NativeThread {
  owner: 'libc' | 'self' | 'library' | 'none'
  /** Bytes of the area that the kernel fills. */
  usableSize: number
  /** errno of a refused registration, or 0. */
  error: number
  /** Whether the self-test saw the kernel abort sections; `pending` as long as no thread was registered. */
  selfTest: 'not needed' | 'pending' | 'passed' | 'failed'
  /** Bits of the membarrier commands that the kernel has. */
  membarrier: number
  possibleCpus: number
  /** The kernel's release, as `uname -r` prints it. */
  kernel: string
  /** The version of glibc; empty on musl. */
  glibc: string
  threadId: number
}

/** The calling thread's area; see `native/rseq/registered_area.h`. */
export interface NativeRegisteredArea {
  mode: 'v2' | 'legacy'
  size: number
  hasSlices: boolean
  usesSlices: boolean
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
  isShared: boolean
  firstWord: number
  /** Keeps the memory alive and the handle open until it is collected. */
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
  /** Keeps the memory alive and the handle open until it is collected. */
  keeper: object
}

/** A mutex, or the locks of all CPUs, open for the calling thread. */
export interface NativeLock {
  handle: number
  /** The offset of the first lock's words in the memory, and the distance from one lock to the next, in bytes. */
  firstShard: number
  stride: number
  /** The number of shards without the overflow shard. */
  shards: number
  /** The service whose processes share the memory; 0 if none do. */
  service: number
  /** Keeps the memory alive and the handle open until it is collected. Locks held then stay locked until the thread ends. */
  keeper: object
}

/** A ring, open for the calling thread. */
export interface NativeRing {
  handle: number
  index: number
  writers: number
  policy: number
  shards: number
  /** The size of each CPU's ring and the length of the longest record, in bytes. */
  capacity: number
  longest: number
  /** The offset of the overflow shard in the memory, in bytes. */
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

/** The clocks at one moment: see `sample_clocks()` of `native/rseq/clocks.h`. */
export interface NativeClocks {
  /** The counter that stamps records, as a signed number: `native/rseq/ticks.h`. */
  readonly ticks: bigint
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly monotonic: bigint
  /** CLOCK_REALTIME, in nanoseconds since 1970. */
  readonly realtime: bigint
}

/** Everything that the addon exports. */
export interface NativeBinding {
  readonly scratch: Float64Array
  readonly operations: ScratchOperations
  readonly stacks: StackOperations
  readonly rings: RingOperations
  readonly arrays: ArrayOperations
  /** The `process.versions.modules` that the binary's fast calls were built for; 0 if none fit the running Node. */
  readonly fastAbi: number
  /**
   * The fast calls, made when this property is first read; null if the binary has none. Read it only on Node itself and only if
   * `fastAbi` is the ABI of the running Node: elsewhere, making them can crash the process.
   */
  readonly fast: FastBinding | null
  /** The operations that may have to wait, in a form that waits. */
  readonly waiting: WaitingOperations
  thread(): NativeThread
  /** The halves of the calling thread's name as an owner; both are 0 if it cannot own anything. See `native/percpu/owner.h`. */
  owner(): { low: number; high: number }
  /** Gives the calling thread the table of `src/portable/threads.ts`, in which it looks up portable threads. */
  useThreads(table: Int32Array): boolean
  threadArea(): Int32Array | null
  /** What the kernel says about the calling thread's area; null without registration. May sleep for half a millisecond. */
  registeredArea(): NativeRegisteredArea | null
  getCpu(what: 0 | 1): number
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly now: () => bigint
  /** The wall-clock time of a moment of `now()`, in nanoseconds since 1970. */
  readonly wallTime: (time: bigint) => bigint
  /** The clocks at one moment; see {@link NativeClocks}. Takes a few microseconds. */
  readonly sampleClocks: () => NativeClocks
  /** CLOCK_MONOTONIC when that counter had a value, in nanoseconds. May spin for a millisecond. */
  readonly timeOfTicks: (ticks: bigint) => bigint
  /** Ends the sections that run on a CPU, or on all CPUs. Returns false if the kernel offers no way. */
  fence(cpu?: number): boolean
  /** Registers the process for the fences of membarrier(2). Returns false if the kernel has none. */
  enableFences(): boolean
  /** Runs the self-test. With `cached`, it returns the last figures of this process instead if there are any. */
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
  /** Closes a handle of any kind that this thread has opened. Returns false if this thread has no such handle open. */
  close(handle: number): boolean
  openHandles(): number
  /**
   * Joins a service by its `processes` file, whose descriptor is `file` and whose path is `path`. `path` and `title` end with
   * a 0 byte; `way` is for people who look. Returns the number of the service or a negative errno. See `native/percpu/service.h`.
   */
  joinService(file: number, path: Uint8Array, title: Uint8Array, way: number): number
  /** Maps the file `fences` of a service and starts the thread that serves it. Returns 0 or an errno. */
  serveFences(service: number, file: number): number
  /** The slot of this process in a service; 0 if it has none. */
  serviceSlot(service: number): number
  /** Whether a living process has the slot. */
  isSlotTaken(service: number, slot: number): boolean
  /** The number of the service that mapped memory belongs to; 0 for memory of this process alone. */
  serviceOf(bytes: Uint8Array): number
  /** The 32 bits that name this process in memory of a service; 0 if it has no slot. */
  processNote(service: number): number
  /** Whether the process that a note names lives. Accepts every note, as an unsigned number. */
  isNoteAlive(service: number, note: number): boolean
  /**
   * Locks a byte of a file until the file's description is closed: with other shared locks if `isShared`, else alone. Blocks
   * for about `milliseconds` at most. Returns 0 or an errno.
   */
  lockByte(file: number, byte: number, milliseconds: number, isShared: boolean): number
  /** Whether another open file description has a lock on a byte of a file. */
  isByteLocked(file: number, byte: number): boolean
  /** Makes a file at least `bytes` long and allocates its storage. Returns 0 or an errno. */
  allocateFile(file: number, bytes: bigint): number
  allocatesLater(): boolean
  /**
   * How many more bytes this process may use within the limits of its cgroups; Infinity without a limit. See
   * `native/percpu/room.h`. Both paths end with a 0 byte; without them, the system's are read.
   */
  cgroupRoom(cgroups?: Uint8Array, own?: Uint8Array): number
  /**
   * Maps a file into a buffer. Returns a negative errno if that fails, and null if this runtime takes no foreign memory.
   * `isNode` says that the runtime is Node itself.
   */
  mapFile(file: number, bytes: bigint, service: number, isNode: boolean): SharedArrayBuffer | number | null
  /** Moves the blocks of a CPU's cache to the central store. Returns how many, or a negated {@link Status}. */
  poolFlush(handle: number, shard: number): number
  /** Opens a batch. `second` is a handle of f64 counters, or 0. `summed` is the number of counters that have sums. */
  openBatch(
    handle: number,
    memory: ArrayBuffer,
    capacity: number,
    second: number,
    summed: number,
  ): { handle: number; keeper: object } | null
  openMutex(bytes: Uint8Array): NativeLock | number
  mutexWait(handle: number, milliseconds: number): number
  mutexAnnounce(handle: number): void
  openArray(bytes: Uint8Array): NativeArray | number
  openCpuLock(bytes: Uint8Array): NativeLock | number
  cpuLockWait(handle: number, milliseconds: number): number
  openRing(bytes: Uint8Array, scratch: Uint8Array): NativeRing | number
  counterBigint(handle: number, i: number): bigint | null
  counterReset(handle: number, i: number): number | null | undefined
  counterShards(handle: number, i: number, into: Float64Array): boolean
  counterSnapshot(handle: number, into: Float64Array | BigInt64Array): boolean
  openSeries: (
    ...parts: [
      kind: number,
      handle: number,
      first: number,
      sums: number,
      sum: number,
      takesNegative: number,
      bounds: Float64Array,
    ]
  ) => object | null
}

/** Says in a few words why a candidate did not load. */
function whyNot(error: unknown): string {
  if (!types.isNativeError(error)) return String(error)
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'MODULE_NOT_FOUND' ? 'not there' : (message.split('\n')[0] ?? '')
}

/** Returns the first candidate that loads, or a text that says which were tried and why each failed. */
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
 * @throws Error if no binary loads. It names the platform, C library and ABI, the files that were tried, and the command that
 *   compiles a binary.
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
