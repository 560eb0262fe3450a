/**
 * The addon, typed: everything that `native/addon` exports, and how it is found.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Operations } from './operations.js'

/** The Node-API way into the hot operations: arguments and result are in `scratch`. */
export interface ScratchOperations {
  readonly counterAdd: () => void
  readonly counterAddInt32: () => void
  readonly counterAddFloat64: () => void
  readonly counterGet: () => void
  readonly batchCommit: () => void
  readonly mutexTryLock: () => void
  readonly mutexUnlock: () => void
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
  /** Holds the memory and the handle; both are let go when it is collected. */
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
  /** The `process.versions.modules` that the fast calls are built for; 0 where the binary has none for the running Node. */
  readonly fastAbi: number
  /** Made when first read: only on Node itself, where `fastAbi` is the running one. Else null, or the end of the process. */
  readonly fast: FastBinding | null
  thread(): NativeThread
  threadArea(): Int32Array | null
  getCpu(what: 0 | 1): number
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
  ): number
  openRegion(bytes: Uint8Array, kind: number): NativeRegion | number
  openHandles(): number
  openBatch(handle: number, memory: ArrayBuffer, capacity: number): { handle: number; keeper: object } | null
  /** `firstShard`: where its words begin, in bytes. */
  openMutex(bytes: Uint8Array): { handle: number; firstShard: number; keeper: object } | number
  mutexWait(handle: number, milliseconds: number): number
  mutexCallMe(handle: number, isIn: boolean): void
  counterBigint(handle: number, i: number): bigint | null
  counterReset(handle: number, i: number): number | null | undefined
  counterShards(handle: number, i: number, into: Float64Array): boolean
  counterSnapshot(handle: number, into: Float64Array | BigInt64Array): boolean
}

/**
 * The C library of this process, as far as binaries care: 'glibc 2.36', 'musl' or ''. Asks for a
 * diagnostic report, which takes tens of milliseconds: for when there is no addon to ask.
 */
export function libc(): string {
  if (process.platform !== 'linux') return ''
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return libcName(report.header?.glibcVersionRuntime ?? '')
}

export function libcName(glibc: string): string {
  return glibc === '' ? 'musl' : `glibc ${glibc}`
}

/** What a binary would have to fit: platform, C library and ABI, for messages. */
export function target(): string {
  const parts = [`${process.platform}-${process.arch}`, libc(), `Node ABI ${process.versions.modules}`]
  return parts.filter((part) => part !== '').join(', ')
}

/**
 * Loads the addon.
 *
 * @throws Error naming the platform, C library and ABI that no binary fits, and the command that builds one.
 */
export function loadNative(): NativeBinding {
  const require = createRequire(import.meta.url)
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  try {
    return (require('node-gyp-build') as (root: string) => NativeBinding)(root)
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
    throw new Error(
      `rseq: no native library for ${target()} (${why}). ` +
        `To build it, with python3, make and a C++17 compiler at hand: npm run build:native, in ${root}`,
      { cause },
    )
  }
}
