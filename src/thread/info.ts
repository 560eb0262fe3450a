import { type RuntimeInfo, runtimeInfo } from '../core/runtime.js'
import type { SharedWay, Tier } from '../core/contract.js'
import { type SelfTest, choice } from '../runtime/backend.js'
import { sharedWay } from '../runtime/mapping.js'
import { platformName } from '../native/binary.js'
import { fieldsOf } from '../native/backend.js'
import { libc, libcName } from '../native/libc.js'
import { type RegisteredArea, type Registrar, registeredArea } from './registered-area.js'

/** The commands of `membarrier(2)` by bit, as the kernel names them. */
export const MEMBARRIER_COMMANDS = [
  'global',
  'global_expedited',
  'register_global_expedited',
  'private_expedited',
  'register_private_expedited',
  'private_expedited_sync_core',
  'register_private_expedited_sync_core',
  'private_expedited_rseq',
  'register_private_expedited_rseq',
  'get_registrations',
] as const

/** The features of restartable sequences that the kernel offers to this thread. */
export interface Features {
  /** Bytes of the thread's `struct rseq` that the kernel fills; 0 without registration. */
  usableSize: number
  /** Whether `cpuId()` is a load from that structure. */
  cpuId: boolean
  /** Whether `numaNode()` is a load from that structure; otherwise it is a system call. */
  numaNode: boolean
  /** Whether the kernel has concurrency ids (Linux 6.3 and later). */
  concurrencyId: boolean
  /** The commands of `membarrier(2)` that the kernel supports. */
  membarrier: string[]
}

/** What {@link info} returns. */
export interface Info extends RuntimeInfo {
  /** `native`: restartable sequences. `portable`: `Atomics`, in TypeScript. */
  backend: 'native' | 'portable'
  /** How JavaScript calls the hot operations. */
  tier: Tier
  /** Why the native backend is not in use; null if it is. */
  reason: string | null
  /**
   * How memory that processes share (`openShared`) is updated: by sections, called as `fast` or `napi` of {@link Info.tier}, or by
   * `atomics` where the kernel allows this thread no sections. Null if this process cannot share memory.
   */
  sharing: SharedWay | null
  /** Who registered this thread for rseq. */
  registration: Registrar
  /** This thread's `struct rseq`; null without registration, as on the portable backend. */
  area: RegisteredArea | null
  /**
   * The outcome of the self-test. On arm64 from Linux 6.19 on, and with `RSEQ_VERIFY=1`, the self-test runs once in each
   * process, before the first section; elsewhere this is `not needed`. If the self-test failed, the portable backend runs,
   * and `reason` says what the self-test saw.
   */
  selfTest: SelfTest
  /** The features that the kernel offers to this thread. */
  features: Features
  /** Number of shards of a new structure, without the overflow shard. */
  possibleCpus: number
  /** The kernel's release, as `uname -r` prints it; empty on the portable backend. */
  kernel: string
  /** Operating system and architecture, such as `linux-x64`. */
  platform: string
  /** The C library, such as `glibc 2.36`; empty on other systems than Linux. */
  libc: string
}

/**
 * Returns what this thread runs on, and why it does not run on a faster backend. Takes some microseconds; on the portable
 * backend, milliseconds. See also {@link RegisteredArea.mode}.
 */
export function info(): Info {
  const { backend, native, reason, selfTest } = choice
  const thread = native?.thread()
  const usableSize = thread?.usableSize ?? 0
  const fields = fieldsOf(usableSize)
  const commands = thread?.membarrier ?? 0
  return {
    backend: backend.name,
    tier: backend.tier,
    reason,
    sharing: sharedWay(),
    registration: thread?.owner ?? 'none',
    area: registeredArea(native),
    selfTest,
    features: {
      usableSize,
      cpuId: usableSize > 0,
      numaNode: fields.nodeId,
      concurrencyId: fields.mmCid,
      membarrier: MEMBARRIER_COMMANDS.filter((_, bit) => (commands & (1 << bit)) !== 0),
    },
    possibleCpus: backend.possibleCpus,
    kernel: thread?.kernel ?? '',
    platform: platformName(),
    libc: thread === undefined ? libc() : libcName(thread.glibc),
    ...runtimeInfo,
  }
}
