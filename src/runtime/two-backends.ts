/**
 * Two backends in one thread: the portable one for the memory of this process, and the native one for memory that processes
 * share, where native code alone knows the locks and owners of other processes. A native handle is a number, a portable one an
 * object.
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
} from '../core/contract.js'
import { type Index, type Kind, RegionError, type RegionSpec, type Status } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { PortableBackend } from '../portable/backend.js'

type Call = (handle: unknown, ...more: unknown[]) => unknown

export class TwoBackends implements Backend {
  readonly #own = new PortableBackend()
  readonly #load: () => Backend
  #shared: Backend | undefined

  readonly name = 'portable'
  readonly tier = 'portable'
  readonly writers = this.#own.writers
  readonly possibleCpus = this.#own.possibleCpus
  readonly place = this.#own.place
  readonly now = this.#own.now
  readonly wallTime = this.#own.wallTime
  readonly operations = this.#either((backend) => backend.operations)
  readonly waiting = this.#either((backend) => backend.waiting)
  readonly stacks = this.#either((backend) => backend.stacks)
  readonly rings = this.#either((backend) => backend.rings)
  readonly arrays = this.#either((backend) => backend.arrays)

  /** @param load - loads the native backend. It throws if there is none; it is called again then. */
  constructor(load: () => Backend) {
    this.#load = load
  }

  /** The backend for memory that processes share. @throws Error with the reason if there is none. */
  get shared(): Backend {
    this.#shared ??= this.#load()
    return this.#shared
  }

  /** The functions of one table of both backends: each calls the backend that made the handle, its first argument. */
  #either<Table extends object>(tableOf: (backend: Backend) => Table): Table {
    const calls = Object.entries(tableOf(this.#own)).map(([name, own]: [string, Call]) => {
      let native: Call | undefined
      const call: Call = (handle, a, b, c, d, e) => {
        if (typeof handle !== 'number') return own(handle, a, b, c, d, e)
        native ??= (tableOf(this.shared) as Record<string, Call>)[name] as Call
        return native(handle, a, b, c, d, e)
      }
      return [name, call] as const
    })
    return Object.fromEntries(calls) as Table
  }

  #of(handle: Handle): Backend {
    return typeof handle === 'number' ? this.shared : this.#own
  }

  /** What the portable backend has opened; or the native one, if the header says that processes share the memory. */
  #open<Open>(how: (backend: Backend) => Open | number): Open | number {
    const opened = how(this.#own)
    return opened === RegionError.shared ? how(this.shared) : opened
  }

  indexFor(wanted: Index): Index {
    return this.#own.indexFor(wanted)
  }

  format(bytes: Uint8Array, spec: RegionSpec): number {
    return this.#own.format(bytes, spec)
  }

  open(bytes: Uint8Array, kind: Kind): OpenRegion | number {
    return this.#open((backend) => backend.open(bytes, kind))
  }

  openArray(bytes: Uint8Array): OpenArray | number {
    return this.#open((backend) => backend.openArray(bytes))
  }

  openMutex(bytes: Uint8Array): OpenMutex | number {
    return this.#open((backend) => backend.openMutex(bytes))
  }

  openCpuLock(bytes: Uint8Array): OpenCpuLock | number {
    return this.#open((backend) => backend.openCpuLock(bytes))
  }

  openRing(bytes: Uint8Array, scratch: Uint8Array): OpenRing | number {
    return this.#open((backend) => backend.openRing(bytes, scratch))
  }

  openBatch(...given: Parameters<Backend['openBatch']>): OpenBatch | null {
    return this.#of(given[0]).openBatch(...given)
  }

  mutexWait(handle: Handle, milliseconds: number): Status {
    return this.#of(handle).mutexWait(handle, milliseconds)
  }

  mutexAnnounce(handle: Handle): void {
    this.#of(handle).mutexAnnounce(handle)
  }

  cpuLockWait(handle: Handle, milliseconds: number): number {
    return this.#of(handle).cpuLockWait(handle, milliseconds)
  }

  poolFlush(handle: Handle, shard: number): number {
    return this.#of(handle).poolFlush(handle, shard)
  }

  close(handle: Handle): void {
    this.#of(handle).close(handle)
  }

  counterBigint(handle: Handle, i: number): bigint | null {
    return this.#of(handle).counterBigint(handle, i)
  }

  counterReset(handle: Handle, i: number): number | null | undefined {
    return this.#of(handle).counterReset(handle, i)
  }

  counterShards(handle: Handle, i: number, into: Float64Array): boolean {
    return this.#of(handle).counterShards(handle, i, into)
  }

  counterSnapshot(handle: Handle, into: Float64Array | BigInt64Array): boolean {
    return this.#of(handle).counterSnapshot(handle, into)
  }

  /** None, also of shared memory: threads of other addons update series only where the thread's own memory is native. */
  openSeries(): null {
    return null
  }
}
