import { closeSync, existsSync, fstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ArrayOptions, PerCpuArray } from '../array/array.js'
import type { CounterOptions } from '../counter/counters.js'
import type { PerCpuCounter } from '../counter/counter.js'
import type { PerCpuCounterArray } from '../counter/counter-array.js'
import { rangeError, typeError } from '../core/errors.js'
import type { HdrRange } from '../core/hdr-buckets.js'
import { checkOptions } from '../core/options.js'
import {
  COMPACTING,
  CREATING,
  IDENTITY_BYTES,
  PROCESSES,
  STARTING,
  SERVICE_PREFIX,
  SHM,
  STATUS_BLOCK,
} from '../core/service-files.js'
import type { PerCpuHistogram } from '../histogram/histogram.js'
import type { HistogramSnapshot } from '../histogram/snapshot.js'
import type { FileTotals } from '../inspect/index.js'
import type { PerCpuLock } from '../lock/cpu-lock.js'
import type { Mutex } from '../lock/mutex.js'
import type { SharedMap } from '../map/map.js'
import type { MapOptions } from '../map/options.js'
import type { PerCpuRing, RingOptions } from '../ring/ring.js'
import {
  allocateFile,
  checkCanShare,
  isNoteAlive,
  lockFile,
  mapFile,
  processNote,
  serviceSlot,
  systemError,
  useFile,
} from '../runtime/mapping.js'
import { keepClock } from './clock-file.js'
import { makeFile, openFile, removeFile, useDirectory } from './files.js'
import { generationTotals, leadsTo, mayRetire, objectFilesIn, retireUnused } from './generations.js'
import { KIND, type SharedClass } from './kinds.js'
import { mergeHistograms } from './merge-histograms.js'
import { type SharedKind, checkName } from './names.js'
import { type SharedProcess, joinFences, livingProcesses, openProcesses, takeSlot } from './processes-file.js'
import { type Specification, fileName } from './specification.js'
import type { ListOptions, PerCpuList } from '../stack/list.js'
import type { PerCpuPool, PoolOptions } from '../stack/pool.js'
import type { PerCpuStack, StackOptions } from '../stack/stack.js'

/** How often an object is opened that others retire and make again meanwhile. */
const OPEN_ATTEMPTS = 10
const OPTIONS = ['directory', 'identity', 'trustOtherUsers'] as const

/** The key of the method of a {@link SharedDirectory} by which a layer above opens objects of its own kinds. */
export const openKind: unique symbol = Symbol('rseq: open kind')
/** The key of the method of a definition by which {@link SharedDirectory.metrics} opens what it defines. */
export const openInService: unique symbol = Symbol('rseq: open in service')
/** The key of a {@link SharedDirectory}'s {@link Membership}. */
export const membership: unique symbol = Symbol('rseq: membership')

/** What is mapped of a file. */
type Memory = Pick<Specification, 'bytes' | 'scriptBytes'>

/** What the layers above need to know of the processes of a service. */
export interface Membership {
  /** Calls `use` while no other process makes, retires or claims something in the service. */
  exclusively<Result>(use: () => Result): Result
  /** Returns 32 bits that name this process in the service's memory, as a signed number. */
  note(): number
  /** Returns which of these notes name living processes. Any number may be a note. */
  livingNotes(notes: readonly number[]): ReadonlySet<number>
  /** Returns the paths of all generations of an object. */
  generations(name: string, kind: SharedKind): string[]
  /** Maps the file of a generation that the caller knows to be so large; undefined if it is gone. */
  map(path: string, memory: Memory): SharedArrayBuffer | undefined
  readonly trustOtherUsers: boolean
}

/** Options of {@link openShared}. */
export interface SharedOptions {
  /**
   * An existing directory on tmpfs; `/dev/shm` by default. The service is the directory `rseq.NAME` in this directory. The
   * first process makes it with the mode 0700.
   */
  directory?: string
  /**
   * A text of at most 64 bytes that protects against two services with one name. The first process stores it in the
   * service's directory. A process that gives another identity, or none, gets an Error.
   */
  identity?: string
  /**
   * Whether directories and files are opened although another user owns them or may write to them. Such a user can write
   * any value into the memory, and can end this process by truncating a file. False by default: they are refused.
   */
  trustOtherUsers?: boolean
}

/** What `defineMetrics()` of `rseq/metrics` returns. */
export interface SharedDefinition<Opened> {
  /** @internal */
  [openInService](service: SharedDirectory, name: string, options: SharedMetricsOptions): Opened
}

/** Options of {@link SharedDirectory.metrics}. */
export interface SharedMetricsOptions {
  /**
   * The number of processes that may have the metrics open at a time: 1 to 1023, by default 32. Each series of a gauge takes 8
   * bytes for each of them and for each CPU that threads were seen on.
   */
  processes?: number
}

/** A file of a service. */
export interface SharedObject {
  /** The name with which the object was opened. */
  readonly name: string
  /** The kind of the object, such as `'counter'`, `'counters'` for an array of counters, or `'ring'`. */
  readonly kind: SharedKind
  /** Distinguishes objects that have one name and kind but different options, sizes or layout versions. */
  readonly generation: string
  /** Whether the file keeps the totals of a generation that was retired: see {@link SharedDirectory.retire}. */
  readonly isRetired: boolean
  /** The absolute path of the file. */
  readonly path: string
  /** The size of the file in bytes. */
  readonly bytes: number
  /** How many of them are allocated: those of the CPUs that threads were seen on, and what all CPUs share. */
  readonly allocated: number
}

/** Returns the value of an option, or its default. @throws TypeError, RangeError if the value is no text without U+0000. */
function text(argument: string, value: unknown, otherwise: string): string {
  if (value === undefined) return otherwise
  if (typeof value !== 'string') throw typeError(argument, 'a string', value)
  if (value.includes('\0')) throw rangeError(argument, 'a string without the character 0', value)
  return value
}

function checkIdentity(value: unknown): string {
  const identity = text('identity', value, '')
  if (Buffer.byteLength(identity) <= IDENTITY_BYTES) return identity
  throw rangeError('identity', `a string of at most ${IDENTITY_BYTES} bytes`, identity)
}

function checkTrust(value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw typeError('trustOtherUsers', 'true or false', value)
}

/**
 * The memory that the processes of a service share: a directory with one file for each object. {@link openShared} makes
 * it.
 *
 * Every process of the service can open an object by its name. The object's memory is the file; its `buffer` can be sent
 * to the Workers of the process, like the buffer of any other object. The content stays when processes die, even by
 * SIGKILL, until the files are removed (`rm -r`) or the machine restarts. Each call that opens an object maps the file
 * again, so keep the objects.
 */
export class SharedDirectory {
  /** The service's name. */
  readonly name: string
  /** The directory of its files. */
  readonly path: string
  readonly #identity: string
  readonly #trustOtherUsers: boolean
  /** The number that the service has in this process. */
  readonly #service: number
  #hasRemovedRemains = false

  /** @internal */
  constructor(name: string, options: SharedOptions) {
    const given = checkOptions('options', options, OPTIONS)
    const directory = text('directory', given.directory, SHM)
    this.name = checkName('name', name)
    this.#identity = checkIdentity(given.identity)
    this.#trustOtherUsers = checkTrust(given.trustOtherUsers)
    checkCanShare()
    this.path = join(directory, SERVICE_PREFIX + this.name)
    useDirectory(this.path, this.#trustOtherUsers)
    this.#service = this.#withProcesses((_, service) => {
      joinFences(this.path, service, this.#trustOtherUsers)
      return service
    })
    keepClock(this.path)
    if (mayRetire(this.path)) {
      try {
        this.retire()
      } catch {
        // What cannot be retired goes on to be read and used.
      }
    }
  }

  /** The slot of this process: the process bits of the words that its threads own. A forked child takes another slot. */
  get slot(): number {
    return this.#withProcesses((_, service) => serviceSlot(service))
  }

  /** Returns the processes that take part in the service now, in the order of their slots. */
  processes(): SharedProcess[] {
    return this.#withProcesses(livingProcesses)
  }

  /** Returns all objects of the service, of all generations, in the order of their file names. */
  objects(): SharedObject[] {
    return objectFilesIn(this.path).flatMap(({ name, kind, generation, retired, path }) => {
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats === undefined) return []
      const isRetired = retired !== null
      return [
        {
          name,
          kind,
          generation,
          isRetired,
          path,
          bytes: stats.size,
          allocated: stats.blocks * STATUS_BLOCK,
        },
      ]
    })
  }

  /**
   * Returns the total of all counters with this name: of all generations, also of those that other releases of the program
   * use, and of retired ones. O(generations × shards), with system calls; waits while another process makes or retires an object.
   *
   * @throws TypeError, RangeError if `name` is no name; Error if a file is damaged.
   */
  total(name: string): number {
    return this.#generations(name, 'counter').reduce((sum, { totals }) => sum + Number(totals[0]), 0)
  }

  /**
   * Returns the totals of all arrays of counters with this name, element by element, as {@link total} does. The result is as
   * long as the longest of these arrays.
   *
   * @throws the errors of {@link total}.
   */
  totals(name: string): Float64Array {
    const all = this.#generations(name, 'counters')
    const sums = new Float64Array(Math.max(0, ...all.map(({ totals }) => totals.length)))
    for (const { totals } of all)
      for (const [i, value] of totals.entries()) sums[i] = (sums[i] as number) + Number(value)
    return sums
  }

  /**
   * Returns what all histograms with this name have recorded, as {@link total} does. Values of a generation with another range
   * are counted by the middles of their buckets.
   *
   * @param options - the range of the result: the options of a new {@link PerCpuHistogram}.
   * @throws the errors of {@link total}.
   */
  distribution(name: string, options: Partial<HdrRange> = {}): HistogramSnapshot {
    return mergeHistograms(this.#generations(name, 'histogram'), options)
  }

  #generations(name: string, kind: SharedKind): FileTotals[] {
    checkName('name', name)
    return this.#exclusively(() => generationTotals(this.path, name, kind))
  }

  /**
   * Retires each generation of a counter, an array of counters or a histogram that no living process has open, if a process has
   * another generation of it open. {@link openShared} does this as well. Its totals stay, in a small file that nobody opens, and
   * {@link total}, {@link totals} and {@link distribution} contain them. A program that opens a retired generation again begins
   * with an empty object. If a process is killed within the call, each count is in one file all the same.
   *
   * @returns the paths of the small files. For each, the process also emits a warning with the name `RseqRetiredWarning`.
   * @throws Error if a file cannot be read or renamed.
   */
  retire(): string[] {
    const retired = this.#exclusively(() => retireUnused(this.path, this.#trustOtherUsers))
    for (const path of retired) {
      process.emitWarning(
        `no process used a generation of an object any more; its totals are in ${path}`,
        'RseqRetiredWarning',
      )
    }
    return retired
  }

  /**
   * Opens the counter with this name. The first process that opens it makes it, with the value 0.
   *
   * @param name - 1 to 100 letters, digits, `_`, `-` and single dots between them.
   * @param options - the options of a new {@link PerCpuCounter}. A call with other options opens another counter.
   * @throws TypeError, RangeError for a name or an option that does not exist, and for `index: 'concurrency'`.
   * @throws SharedMemoryFullError if the file system or the cgroup has no room for a new file.
   * @throws Error if the file is damaged or is no regular file, or if another user owns it or may write to it.
   */
  counter(name: string, options: CounterOptions = {}): PerCpuCounter {
    return this[openKind]('counter', KIND.counter, name, options)
  }

  /**
   * Opens the array of counters with this name. The first process that opens it makes it, with all values 0.
   *
   * @param length - the number of counters, 1 or more. A call with another length opens another array.
   * @throws the errors of {@link counter}.
   */
  counterArray(name: string, length: number, options: CounterOptions = {}): PerCpuCounterArray {
    return this[openKind]('counters', KIND.counters, name, length, options)
  }

  /**
   * Opens the ring with this name. The first process that opens it makes it, empty.
   *
   * The ring has at most one reader at a time in all processes. While the reader's process lives, another reader waits for
   * up to ten seconds; if the process has died, the next reader takes over. An iteration that waits for records of other
   * processes looks for them 20 times a second.
   *
   * @param bytesPerCpu - the bytes of each CPU's ring, 256 to 2**30; rounded up to a power of two. A call with another size
   *   opens another ring.
   * @param options - the options of a new {@link PerCpuRing}. A call with other options opens another ring.
   * @throws the errors of {@link counter}.
   */
  ring(name: string, bytesPerCpu: number, options: RingOptions = {}): PerCpuRing {
    return this[openKind]('ring', KIND.ring, name, bytesPerCpu, options)
  }

  /**
   * Opens the stack with this name. The first process that opens it makes it, empty.
   *
   * @param capacity - the most values on each CPU's stack, 1 or more. A call with another capacity opens another stack.
   * @param options - the options of a new {@link PerCpuStack}, with `index: 'cpu'`.
   * @throws the errors of {@link counter}.
   */
  stack(name: string, capacity: number, options: StackOptions = {}): PerCpuStack {
    return this[openKind]('stack', KIND.stack, name, capacity, options)
  }

  /**
   * Opens the lists with this name. The first process that opens them makes them, empty. To fill them, each process can try to
   * adopt each node with the holder 0 ({@link PerCpuList.adopt}) and push it: one process gets it.
   *
   * @param options - the options of a new {@link PerCpuList}. A call with other options opens other lists.
   * @throws the errors of {@link counter}.
   */
  list(name: string, options: ListOptions): PerCpuList {
    return this[openKind]('list', KIND.list, name, options)
  }

  /**
   * Opens the pool with this name. The first process that opens it makes it, with all blocks free and filled with zeros. The
   * blocks of a process that has died are given back by {@link PerCpuPool.alloc} and {@link PerCpuPool.reclaim}. A process that
   * hands a block over to another one sends its number and its {@link PerCpuPool.holder}; the other one adopts it
   * ({@link PerCpuPool.adopt}).
   *
   * @param options - the options of a new {@link PerCpuPool}. A call with other options opens another pool.
   * @throws the errors of {@link counter}.
   */
  pool(name: string, options: PoolOptions): PerCpuPool {
    return this[openKind]('pool', KIND.pool, name, options)
  }

  /**
   * Opens the array of words with this name, for its own operations and for `cpuOpv`. The first process that opens it makes
   * it, with all words 0. If a process is killed within `cpuOpv` or `onCpu`, some of its stores may be there and others not.
   *
   * @param length - the number of words of each CPU, 1 or more. A call with another length opens another array.
   * @param options - the options of a new {@link PerCpuArray}. A call with other options opens another array.
   * @throws the errors of {@link counter}.
   */
  array(name: string, length: number, options: ArrayOptions = {}): PerCpuArray {
    return this[openKind]('array', KIND.array, name, length, options)
  }

  /**
   * Opens the histogram with this name. The first process that opens it makes it, empty. If a process is killed within
   * `record`, at most one value of each of its threads may be in a bucket without being in the sum.
   *
   * @param options - the options of a new {@link PerCpuHistogram}. A call with other options opens another histogram.
   * @throws the errors of {@link counter}.
   */
  histogram(name: string, options: Partial<HdrRange> = {}): PerCpuHistogram {
    return this[openKind]('histogram', KIND.histogram, name, options)
  }

  /**
   * Opens the map with this name. The first process that opens it makes it, empty.
   *
   * @param options - those of a new {@link SharedMap}. A call with others opens another map.
   * @throws the errors of {@link counter}.
   */
  map<Stored = unknown>(name: string, options: MapOptions): SharedMap<Stored> {
    return this[openKind]('map', KIND.map, name, options) as SharedMap<Stored>
  }

  /**
   * Opens the mutex with this name. The first process that opens it makes it, free. One thread of all processes has it at a
   * time. If that thread's process is killed, the next owner gets the mutex with an `OwnerDiedError`: a waiting thread within
   * 50 ms, and `tryLock` at once. Open it once in each thread.
   *
   * Blocked threads are woken in whichever process they are. Tasks that wait by `lockAsync` are woken by threads of their
   * own process, and otherwise look at the mutex themselves, first after 1 ms and then more and more rarely, down to 20
   * times a second.
   *
   * @throws the errors of {@link counter}.
   */
  mutex(name: string): Mutex {
    return this[openKind]('mutex', KIND.mutex, name)
  }

  /**
   * Opens the locks of the CPUs with this name. The first process that opens them makes them, free. Each CPU has one lock in
   * all processes. If its owner's process is killed, the next owner on that CPU gets the lock with an `OwnerDiedError`, as
   * with {@link mutex}. Open them once in each thread.
   *
   * @throws the errors of {@link counter}.
   */
  cpuLock(name: string): PerCpuLock {
    return this[openKind]('cpuLock', KIND.cpuLock, name)
  }

  /**
   * Opens the metrics with this name. The first process that opens them makes them, all 0. Counters and histograms belong to all
   * processes: what a process has counted stays when it dies. A gauge has a value for each process, and readers combine those of
   * the living processes as the `aggregator` of its schema says. Exposition, by any process, contains what other schemas with
   * this name have counted in metrics that are alike. Each call maps the file again.
   *
   * @param definition - what `defineMetrics()` of `rseq/metrics` returned. Another schema is another file. A Worker can open
   *   the metrics by `definition.open(metrics.buffer)`, which then exposes this file alone.
   * @param options - a call with other options opens other metrics.
   * @throws the errors of {@link counter}; Error if as many living processes as there may be have the metrics open.
   */
  metrics<Opened>(
    name: string,
    definition: SharedDefinition<Opened>,
    options: SharedMetricsOptions = {},
  ): Opened {
    const given = definition as Partial<SharedDefinition<Opened>> | null | undefined
    if (typeof given?.[openInService] !== 'function')
      throw typeError('definition', 'what defineMetrics() of rseq/metrics returned', definition)
    return definition[openInService](this, name, options)
  }

  /**
   * Opens an object of any kind, also of one that a layer above defines.
   *
   * @internal
   */
  [openKind]<Arguments extends readonly unknown[], Opened extends Disposable>(
    kind: SharedKind,
    { specify, from }: SharedClass<Arguments, Opened>,
    name: string,
    ...given: Arguments
  ): Opened {
    checkName('name', name)
    keepClock(this.path)
    const specification = specify(...given)
    const path = join(this.path, fileName(name, kind, specification))
    const buffer = this.#withProcesses(
      (lock, service) =>
        this.#mapExisting(path, specification, service) ?? this.#create(path, specification, lock, service),
    )
    const problem = `rseq: ${path} does not hold what its name says`
    let opened: Opened
    try {
      opened = from(buffer)
    } catch (error) {
      throw new Error(`${problem}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    }
    if (specification.isIn(buffer)) return opened
    opened[Symbol.dispose]()
    throw new Error(`${problem}: its header has another kind, type, length or policy`)
  }

  /**
   * What the layers above need to know of the processes of the service.
   *
   * @internal
   */
  get [membership](): Membership {
    return {
      exclusively: (use) => this.#exclusively(use),
      note: () => this.#withProcesses((_, service) => processNote(service)),
      // Needs no file, so processes go on to show their metrics if somebody removes the directory.
      livingNotes: (notes) => new Set(notes.filter((note) => isNoteAlive(this.#service, note))),
      generations: (name, kind) =>
        (existsSync(this.path) ? objectFilesIn(this.path) : [])
          .filter((one) => one.name === name && one.kind === kind && one.retired === null)
          .map(({ path }) => path),
      map: (path, memory) => this.#withProcesses((_, service) => this.#mapExisting(path, memory, service)),
      trustOtherUsers: this.#trustOtherUsers,
    }
  }

  #exclusively<Result>(use: () => Result): Result {
    return this.#withProcesses((lock) => {
      lockFile(lock, join(this.path, PROCESSES))
      return use()
    })
  }

  #mapExisting(path: string, specification: Memory, service: number): SharedArrayBuffer | undefined {
    for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
      const file = openFile(path, this.#trustOtherUsers)
      if (file === undefined) return undefined
      try {
        useFile(file, path)
        // Another process may have retired the file before this one used it.
        if (leadsTo(path, file)) return this.#map(file, path, specification, service)
      } finally {
        closeSync(file)
      }
    }
    throw new Error(`rseq: ${path} was replaced ${OPEN_ATTEMPTS} times while this process opened it`)
  }

  #map(file: number, path: string, specification: Memory, service: number): SharedArrayBuffer {
    const { size } = fstatSync(file)
    const { bytes } = specification
    if (size !== bytes) {
      throw new Error(
        `rseq: ${path}: expected a file of ${bytes} bytes, got one of ${size}: ` +
          'it was truncated, or rseq did not make it; remove it to begin anew',
      )
    }
    this.#allocate(file, path, specification)
    return mapFile(file, path, bytes, service)
  }

  /** Allocates what JavaScript touches. It is allocated already, unless the file is a sparse copy or is being made. */
  #allocate(file: number, path: string, { scriptBytes = 0 }: Memory): void {
    const errno = scriptBytes === 0 ? 0 : allocateFile(file, scriptBytes)
    if (errno !== 0) throw systemError(`${path} cannot get ${scriptBytes} bytes`, errno)
  }

  /** Makes an object's file under a lock, so that processes that start together do not each allocate the memory. */
  #create(path: string, specification: Specification, lock: number, service: number): SharedArrayBuffer {
    lockFile(lock, join(this.path, PROCESSES))
    const existing = this.#mapExisting(path, specification, service)
    if (existing !== undefined) return existing
    this.#removeRemains()
    const { bytes, bytesAtFirst } = specification
    const made = makeFile(path, CREATING, bytes, bytesAtFirst, (file) => {
      useFile(file, path)
      this.#allocate(file, path, specification)
      const buffer = mapFile(file, path, bytes, service)
      specification.format(buffer)
      return buffer
    })
    const buffer = made ?? this.#mapExisting(path, specification, service)
    if (buffer === undefined) throw new Error(`rseq: ${path} was removed while this process made it`)
    return buffer
  }

  /** Removes the temporary files of processes that died while they made or retired a file. The caller holds the lock. */
  #removeRemains(): void {
    for (const file of [CREATING, COMPACTING]) removeFile(join(this.path, file))
    if (this.#hasRemovedRemains) return
    this.#hasRemovedRemains = true
    for (const file of readdirSync(this.path)) {
      if (file.startsWith(STARTING)) removeFile(join(this.path, file))
    }
  }

  /**
   * Opens the service's `processes` file, takes a slot in it if this process has none, and calls `use` with the file's
   * descriptor and the number that the service has in this process. If the directory was removed and made again since the
   * last call, that is a new file with a new slot. Closing the file at the end of the call releases the locks on it.
   */
  #withProcesses<Result>(use: (file: number, service: number) => Result): Result {
    const file = openProcesses(this.path, this.#identity, this.#trustOtherUsers)
    try {
      return use(file, takeSlot(file, this.path))
    } finally {
      closeSync(file)
    }
  }
}

/**
 * Opens the memory that the processes of a service share. The first process makes it. From then on until it ends, this
 * process takes part in the service and has one of the service's 1,023 slots.
 *
 * @param name - the name of the service: 1 to 100 letters, digits, `_`, `-` and single dots between them.
 * @throws TypeError, RangeError for a name or an option that does not exist.
 * @throws Error with the reason if memory cannot be shared: without the native library (on macOS and
 *   on Windows), and in runtimes that accept no foreign memory (Electron).
 * @throws Error if the directory is a link or is not on tmpfs, if another user owns it or may write to it, or if the
 *   service has another identity.
 * @example
 * ```ts
 * const shop = openShared('shop') // in every process
 * const requests = shop.counter('requests')
 * requests.add(1)
 * ```
 */
export function openShared(name: string, options: SharedOptions = {}): SharedDirectory {
  return new SharedDirectory(name, options)
}
