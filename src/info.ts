import { type Tier, choice } from './backend.js'
import { platformName } from './binary.js'
import { fieldsOf } from './native-backend.js'
import { libc, libcName } from './libc.js'

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

/** What the kernel gives this thread. */
export interface Features {
  /** Bytes of the thread's `struct rseq` that the kernel fills; 0 without registration. */
  usableSize: number
  /** `cpuId()` is a load from that structure. */
  cpuId: boolean
  /** `numaNode()` is; otherwise it is a system call. */
  numaNode: boolean
  /** There are concurrency ids (Linux 6.3). */
  concurrencyId: boolean
  /** The commands of membarrier that there are. */
  membarrier: string[]
}

export interface Info {
  /** `native`: restartable sequences. `portable`: `Atomics`, in TypeScript. */
  backend: 'native' | 'portable'
  /** How a hot operation gets to its code: a V8 fast call, a Node-API call, or portable TypeScript. */
  tier: Tier
  /** Why the native backend is not in use; null if it is. */
  reason: string | null
  /** Who registered this thread's area: the C library, this package, or nobody. */
  registration: 'libc' | 'self' | 'none'
  features: Features
  /** Shards of a new counter. */
  possibleCpus: number
  /** The kernel's release; empty on the portable backend. */
  kernel: string
  /** Such as `linux-x64`. */
  platform: string
  /** Such as `glibc 2.36`; empty where it does not matter. */
  libc: string
  node: string
}

/** What this thread runs on, and why not on something better. Some microseconds; on the portable backend milliseconds. */
export function info(): Info {
  const { backend, native, reason } = choice
  const thread = native?.thread()
  const usableSize = thread?.usableSize ?? 0
  const fields = fieldsOf(usableSize)
  const commands = thread?.membarrier ?? 0
  return {
    backend: backend.name,
    tier: backend.tier,
    reason,
    registration: thread?.owner ?? 'none',
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
    node: process.version,
  }
}
