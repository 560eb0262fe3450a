/**
 * Reads all of a service, again and again: files stay open, headers that have not changed are not checked again, and the directory
 * is listed when something in it has changed.
 *
 * @module
 */
import { clearTimeout, setTimeout } from 'node:timers'
import { performance } from 'node:perf_hooks'
import { type BigIntStats, lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type FileName, STATUS_BLOCK, partsOf } from '../core/service-files.js'
import { readContent } from './content.js'
import { FileView, MOST_WINDOW } from './file.js'
import type { ProcessOf } from './owner.js'
import { type Processes, ProcessesFile } from './processes.js'
import { type RegionView, openRegionView } from './region.js'
import { type ServicePlace, objectFiles, reasonOf } from './service.js'
import type { ObjectBase, ObjectSnapshot, ServiceSnapshot } from './snapshot.js'

/** The most files of a service that stay open. */
const MOST_OPEN = 4000
/** Files are closed when nobody has looked for so long: a removed file takes memory until it is closed. */
const IDLE_MS = 10_000
/** The directory is listed at least once in this time, whatever its times say. */
const LISTING_MS = 10_000
/** A directory that changed so recently may change again without a new time, as those of files have a tick. */
const SETTLED_MS = 2000
const NOTHING_KNOWN: Processes = { identity: '', processes: [] }

/** One file of an object, which is open between two looks if there is room for that. */
class ObjectFile {
  readonly #path: string
  #file: FileView | undefined
  #base: ObjectBase
  /** The status that `#base` is made of. */
  #stats: unknown
  #region: RegionView | undefined

  constructor(directory: string, name: string) {
    this.#path = join(directory, name)
    const { retired, ...parts } = partsOf(name) as FileName
    const isRetired = retired !== null
    const made = new Date(0).toISOString()
    this.#base = { ...parts, isRetired, file: name, bytes: 0, allocated: 0, made }
  }

  get isOpen(): boolean {
    return this.#file !== undefined
  }

  /** Opens the file unless it is open. @throws Unreadable if it is no regular file; an error of `node:fs`. */
  open(): FileView {
    this.#file ??= new FileView(this.#path)
    return this.#file
  }

  /** @param window - memory for the first bytes of the file. @returns undefined if there is no such file any more. */
  read(window: Buffer, processOf: ProcessOf): ObjectSnapshot | undefined {
    try {
      const file = this.open()
      return file.through(window, () => this.#readOpen(file, processOf))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      return { ...this.#base, content: 'unknown', problem: reasonOf(error) }
    }
  }

  #readOpen(file: FileView, processOf: ProcessOf): ObjectSnapshot {
    try {
      if (this.#region !== undefined) return this.#readContent(file, processOf)
    } catch {
      // The file may have been truncated or overwritten since the last look: it is checked as a new one.
    }
    this.#region = undefined
    if (this.#stats !== undefined) file.refresh()
    try {
      return this.#readContent(file, processOf)
    } catch (error) {
      return { ...this.#baseOf(file), content: 'unknown', problem: reasonOf(error) }
    }
  }

  #readContent(file: FileView, processOf: ProcessOf): ObjectSnapshot {
    const openRegion = (base: number): RegionView => (this.#region = openRegionView(file, base, this.#region))
    const content = readContent(file, openRegion, processOf)
    return { ...this.#baseOf(file), ...content }
  }

  #baseOf({ stats }: FileView): ObjectBase {
    if (this.#stats === stats) return this.#base
    const { size, blocks, birthtimeMs, mtimeMs } = stats
    // A file system without times of birth reports 0 or the last change.
    const made = new Date(birthtimeMs > 0 ? birthtimeMs : mtimeMs).toISOString()
    this.#stats = stats
    this.#base = { ...this.#base, bytes: size, allocated: blocks * STATUS_BLOCK, made }
    return this.#base
  }

  /** Closes the file if another one has its name or if its size has changed. */
  check(): void {
    if (this.#file === undefined) return
    const { dev, ino, size } = this.#file.stats
    this.#file.refresh()
    const now = lstatSync(this.#path, { throwIfNoEntry: false })
    if (now?.dev !== dev || now.ino !== ino || now.size !== size) this.close()
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
    this.#region = undefined
    this.#stats = undefined
  }
}

/** When a directory was listed, and what its status was then. */
interface Listing {
  readonly at: number
  readonly stats: BigIntStats
  readonly isSettled: boolean
}

/**
 * Looks at a service again and again. Touches nothing of its processes: it neither maps nor locks a file, and opens files for
 * reading only. What it has open it closes by {@link close}, and when nobody looks for ten seconds.
 */
export class ServiceReader {
  readonly #place: ServicePlace
  readonly #window = Buffer.alloc(MOST_WINDOW)
  #idle: NodeJS.Timeout | undefined
  #mostOpen = MOST_OPEN
  #objects = new Map<string, ObjectFile>()
  #processes: ProcessesFile | undefined
  #listing: Listing | undefined

  constructor(place: ServicePlace) {
    this.#place = place
  }

  /**
   * Reads the service. O(objects × allocated shards), and for arrays of counters their length, for lists and pools their units.
   *
   * @throws Error if the directory cannot be read. What is wrong with one file is in the result.
   */
  read(): ServiceSnapshot {
    this.#idle ??= setTimeout(() => {
      this.close()
    }, IDLE_MS).unref()
    this.#idle.refresh()
    const [time, at] = [new Date().toISOString(), performance.now()]
    this.#list()
    const problems: string[] = []
    let known = NOTHING_KNOWN
    try {
      known = (this.#processes ??= new ProcessesFile(this.#place.path)).read()
    } catch (error) {
      this.#closeProcesses()
      problems.push(`processes ${reasonOf(error)}`)
    }
    const bySlot = new Map(known.processes.map((process) => [process.slot, process]))
    const objects = this.#readObjects((slot) => bySlot.get(slot))
    return { format: 1, ...this.#place, time, at, ...known, objects, problems }
  }

  #readObjects(processOf: ProcessOf): ObjectSnapshot[] {
    const objects: ObjectSnapshot[] = []
    let open = 0
    for (const file of this.#objects.values()) {
      this.#makeRoomFor(file)
      const object = file.read(this.#window, processOf)
      if (object !== undefined) objects.push(object)
      if (open >= this.#mostOpen) file.close()
      else if (file.isOpen) open++
    }
    return objects
  }

  /** If this process may not have one more file open, closes all. From then on, each is closed when it has been read. */
  #makeRoomFor(file: ObjectFile): void {
    try {
      file.open()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EMFILE' && code !== 'ENFILE') return
      this.#mostOpen = 0
      this.#closeObjects()
    }
  }

  /** Finds out which files there are, unless the directory has not changed. */
  #list(): void {
    const { path } = this.#place
    const [now, stats] = [Date.now(), statSync(path, { bigint: true })]
    const last = this.#listing
    const isSame =
      last !== undefined &&
      last.isSettled &&
      now - last.at < LISTING_MS &&
      last.stats.dev === stats.dev &&
      last.stats.ino === stats.ino &&
      last.stats.mtimeNs === stats.mtimeNs &&
      last.stats.ctimeNs === stats.ctimeNs
    if (isSame) return
    const known = this.#objects
    this.#objects = new Map()
    for (const name of objectFiles(path)) {
      const file = known.get(name) ?? new ObjectFile(path, name)
      known.delete(name)
      file.check()
      this.#objects.set(name, file)
    }
    for (const removed of known.values()) removed.close()
    if (this.#processes?.isThere(path) === false) this.#closeProcesses()
    this.#listing = { at: now, stats, isSettled: Math.abs(now - Number(stats.mtimeMs)) > SETTLED_MS }
  }

  #closeObjects(): void {
    for (const file of this.#objects.values()) file.close()
  }

  #closeProcesses(): void {
    this.#processes?.close()
    this.#processes = undefined
  }

  /** Closes what is open. Another {@link read} opens it again. */
  close(): void {
    this.#closeObjects()
    this.#closeProcesses()
    this.#listing = undefined
    clearTimeout(this.#idle)
    this.#idle = undefined
  }
}

/**
 * Reads a service once.
 *
 * @throws Error if the directory cannot be read. What is wrong with one file is in the result.
 */
export function readService(place: ServicePlace): ServiceSnapshot {
  const reader = new ServiceReader(place)
  try {
    return reader.read()
  } finally {
    reader.close()
  }
}
