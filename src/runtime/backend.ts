/**
 * Chooses the backend that this thread uses, native or portable, once, when the package is loaded.
 *
 * @module
 */
import { constants } from 'node:os'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import type { Backend, SharedWay } from '../core/contract.js'
import {
  hasChosenBinary,
  hasSections,
  isNodeItself,
  noteLostSearch,
  platformName,
  target,
} from '../native/binary.js'
import { type FastBinding, type NativeBinding, loadNative } from '../native/binding.js'
import { NativeBackend } from '../native/backend.js'
import { PortableBackend } from '../portable/backend.js'
import { listNativeThread, table } from '../portable/threads.js'
import { whyNotPassed } from './self-test.js'
import { TwoBackends } from './two-backends.js'
import { systemErrorText } from '../core/errors.js'
import { environmentVariable } from '../core/runtime.js'

/** The backend that was chosen for this thread, and why. */
export interface Choice {
  readonly backend: Backend
  /** The addon, if it is in use. */
  readonly native: NativeBinding | null
  /** Why the native backend is not in use; null if it is. */
  readonly reason: string | null
  /** The outcome of the self-test in this process. */
  readonly selfTest: SelfTest
  /** Loads what memory that processes share needs. @throws Error with the reason if this process has no such thing. */
  readonly sharing: () => Sharing
}

/** The addon, for memory that processes share: also where the portable backend serves the memory of this process. */
export interface Sharing {
  readonly native: NativeBinding
  readonly backend: Backend
  readonly way: SharedWay
}

/**
 * The outcome of the self-test, which checks that the kernel aborts sections. `not needed`: no self-test ran, because no such
 * kernel is known to fail it and `RSEQ_VERIFY` does not request it, or because the portable backend runs for another reason.
 */
export type SelfTest = 'not needed' | 'passed' | 'failed'

const BACKENDS = ['auto', 'native', 'portable'] as const
const SWITCH = ['0', '1'] as const
const TIERS = ['auto', 'fast', 'napi', 'portable'] as const

/** The value of an environment variable, which must be one of `words`; the first of them if it is not set. */
function setting<Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
  const value = environmentVariable(name)
  if (value === '') return words[0]
  const word = words.find((candidate) => candidate === value)
  if (word === undefined) {
    throw new RangeError(`${name}: expected one of ${words.join(', ')}, got ${JSON.stringify(value)}`)
  }
  return word
}

/** Why the kernel did not register a thread, as a text that says what the user can change. */
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

/** @throws Error: processes cannot share memory, for this reason. */
function refuseSharing(reason: string): never {
  throw new Error(`rseq: memory that processes share needs the native library, and ${reason}`)
}

/** The portable backend, without a native one for memory that processes share. */
function portableAlone(reason: string, selfTest: SelfTest = 'not needed'): Choice {
  const sharing = (): Sharing => refuseSharing(reason)
  return { backend: new PortableBackend(), native: null, reason, selfTest, sharing }
}

/** The portable backend. The addon is loaded when the program first opens memory that processes share. */
function choosePortable(reason: string, selfTest: SelfTest = 'not needed'): Choice {
  if (!hasSections()) return portableAlone(reason, selfTest)
  let loaded: Sharing | undefined
  const load = (): Sharing => {
    const native = loadNative()
    const thread = native.thread()
    const way = thread.owner === 'none' ? 'atomics' : 'napi'
    return { native, backend: new NativeBackend(native, thread, null), way }
  }
  const sharing = (): Sharing => (loaded ??= load())
  return { backend: new TwoBackends(() => sharing().backend), native: null, reason, selfTest, sharing }
}

/** The key of the environment data by which this thread tells the threads that it starts that it has warned. */
const WARNED = 'rseq: no native library'

/** Warns that a native library could run here but was not found: once for a thread and all threads that it starts later. */
function warn(reason: string): void {
  if (getEnvironmentData(WARNED) === true) return
  setEnvironmentData(WARNED, true)
  const text =
    `${reason}. The portable backend runs instead: the results are the same, updates take longer. ` +
    'To silence this: RSEQ_BACKEND=portable'
  process.emitWarning(text, { code: 'RSEQ_PORTABLE' })
}

/**
 * The binary's fast calls if they were built for this runtime. On another runtime, making them would crash the process.
 */
function fastCalls(native: NativeBinding): FastBinding | null {
  return isNodeItself() && process.versions.modules === String(native.fastAbi) ? native.fast : null
}

/** Chooses by `RSEQ_BACKEND`, `RSEQ_TIER`, `RSEQ_VERIFY`, the binaries and the kernel. */
function choose(): Choice {
  const wanted = setting('RSEQ_BACKEND', BACKENDS)
  const tier = setting('RSEQ_TIER', TIERS)
  if ((wanted === 'native' && tier === 'portable') || (wanted === 'portable' && tier === 'fast')) {
    throw new RangeError(
      `RSEQ_BACKEND and RSEQ_TIER: expected settings that agree, got RSEQ_BACKEND=${wanted} and RSEQ_TIER=${tier}`,
    )
  }
  const insists = wanted === 'native' || tier === 'fast'
  if (wanted === 'portable') return choosePortable('RSEQ_BACKEND=portable')
  if (tier === 'portable') return choosePortable('RSEQ_TIER=portable')
  if (!insists && !hasSections()) {
    return portableAlone(`restartable sequences are not available on ${platformName()}`)
  }
  let native: NativeBinding
  try {
    native = loadNative()
  } catch (error) {
    if (insists || hasChosenBinary()) throw error
    const reason = (error as Error).message
    noteLostSearch(reason)
    warn(reason)
    return portableAlone(reason)
  }
  const thread = native.thread()
  const inPlace = (portable: typeof choosePortable, reason: string, selfTest?: SelfTest): Choice => {
    if (insists) throw new Error(`rseq: ${reason}`)
    return portable(reason, selfTest)
  }
  if (thread.selfTest === 'failed') {
    const why = whyNotPassed(native.verify(true)) ?? ''
    const reason = `Linux on arm64 from 6.19 on must pass the self-test, and ${thread.kernel} did not: ${why}`
    return inPlace(choosePortable, reason, 'failed')
  }
  if (thread.owner === 'none') return inPlace(choosePortable, refusal(thread.error))
  // The self-test runs once in each process; threads that load the package later get its cached figures.
  const isAskedFor = setting('RSEQ_VERIFY', SWITCH) === '1'
  const failure = isAskedFor ? whyNotPassed(native.verify(true)) : null
  if (failure !== null) {
    // Sections would run in memory that processes share, and this kernel does not abort them.
    return inPlace(portableAlone, `RSEQ_VERIFY=1, and the self-test failed: ${failure}`, 'failed')
  }
  const fast = tier === 'napi' ? null : fastCalls(native)
  if (tier === 'fast' && fast === null) {
    throw new Error(`rseq: RSEQ_TIER=fast, but the native library has no fast calls for ${target()}`)
  }
  const selfTest = isAskedFor || thread.selfTest === 'passed' ? 'passed' : 'not needed'
  const { low, high } = native.owner()
  listNativeThread(low, high)
  native.useThreads(table)
  const made = new NativeBackend(native, thread, fast)
  const way = fast === null ? 'napi' : 'fast'
  return { backend: made, native, reason: null, selfTest, sharing: () => ({ native, backend: made, way }) }
}

export const choice: Choice = choose()
export const backend: Backend = choice.backend
