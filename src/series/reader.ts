/**
 * Reads the metrics of a service again and again, from outside its processes: it opens files for reading only.
 *
 * @module
 */
import { clearTimeout, setTimeout } from 'node:timers'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { partsOf } from '../core/service-files.js'
import {
  type ProcessOf,
  ProcessesFile,
  type ServicePlace,
  holderOf,
  objectFiles,
  reasonOf,
} from '../inspect/index.js'
import type { ExposedFamily } from '../metrics/read.js'
import { PROCESS_LABEL } from '../metrics/aggregator.js'
import { type LivingLook, SeenFamily, type SeenSeries, familiesOf } from './families.js'
import { SeriesFile } from './file.js'
import { STALE_HELP, STALE_NAME, staleOf } from './round.js'

/** Files are closed when nobody has looked for so long: a removed file takes memory until it is closed. */
const IDLE_MS = 10_000
const LIVING_NAME = 'rseq_service_processes'
const LIVING_HELP = 'Living processes of the service.'

/** The metrics of a service at one time. */
export interface MetricsLook {
  readonly families: readonly SeenFamily[]
  /** The names of the files that hold them. */
  readonly files: readonly string[]
  /** How many processes of the service live; null if this machine does not tell. */
  readonly living: number | null
  /** The columns of processes that live and do not answer, and the seconds since they did. */
  readonly stale: readonly (readonly [column: number, seconds: number])[]
  /** What is wrong with a file that was not read. */
  readonly problems: readonly string[]
}

/** The reader of one service. What it has open it closes by {@link MetricsReader.close}, and when nobody reads for ten seconds. */
export class MetricsReader {
  readonly #place: ServicePlace
  #files = new Map<string, SeriesFile>()
  #processes: ProcessesFile | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(place: ServicePlace) {
    this.#place = place
  }

  /**
   * Reads the metrics. O(room for series × allocated shards).
   *
   * @param byShard - whether the parts of the CPUs are wanted.
   * @throws Error if the directory or the list of its processes cannot be read. What is wrong with one file is in the result.
   */
  read(byShard = false): MetricsLook {
    const { path } = this.#place
    this.#idle ??= setTimeout(() => {
      this.close()
    }, IDLE_MS).unref()
    this.#idle.refresh()
    if (this.#processes?.isThere(path) !== true) {
      this.#processes?.close()
      this.#processes = undefined
      this.#processes = new ProcessesFile(path)
    }
    const { processes } = this.#processes.read()
    const bySlot = new Map(processes.map((process) => [process.slot, process]))
    const problems: string[] = []
    const looks: LivingLook[] = []
    const files: string[] = []
    const names = this.#list()
    // A file that was removed takes memory as long as it is open here, and somebody who reads again and again never idles.
    for (const [name, file] of this.#files) {
      if (names.includes(name)) continue
      file.close()
      this.#files.delete(name)
    }
    for (const name of names) {
      try {
        looks.push(this.#look(name, byShard, (slot) => bySlot.get(slot)))
        files.push(name)
      } catch (error) {
        problems.push(`${name} ${reasonOf(error)}`)
      }
    }
    const lives = processes.map(({ living }) => living)
    const living = lives.includes(null) ? null : lives.filter((one) => one === true).length
    const stale = looks.flatMap(({ columns, living: those }) =>
      staleOf(those, (column) => columns.get(column)?.round ?? 0),
    )
    return { families: familiesOf(looks), files, living, stale, problems }
  }

  /** The names of the files with series, the one that was made last first. */
  #list(): string[] {
    const { path } = this.#place
    const made = (name: string): number => statSync(join(path, name), { throwIfNoEntry: false })?.ctimeMs ?? 0
    const names = objectFiles(path).filter((name) => {
      const parts = partsOf(name)
      return parts?.kind === 'series' && parts.retired === null
    })
    return names.length < 2 ? names : names.sort((one, other) => made(other) - made(one))
  }

  #look(name: string, byShard: boolean, processOf: ProcessOf): LivingLook {
    const path = join(this.#place.path, name)
    let file = this.#files.get(name)
    if (file !== undefined && statSync(path).ino !== file.inode) {
      file.close()
      file = undefined
      this.#files.delete(name)
    }
    file ??= new SeriesFile(path)
    this.#files.set(name, file)
    const look = file.read(byShard)
    // Where the machine does not tell who lives, a process may live.
    const living = [...look.columns].filter(([, { note }]) => {
      const holder = holderOf(note, processOf)
      return holder.slot !== 0 && holder.living !== false
    })
    return { ...look, living: living.map(([column]) => column) }
  }

  /** Closes what is open. Another {@link read} opens it again. */
  close(): void {
    for (const file of this.#files.values()) file.close()
    this.#files = new Map()
    this.#processes?.close()
    this.#processes = undefined
    clearTimeout(this.#idle)
    this.#idle = undefined
  }
}

/** A gauge that the reader itself makes. */
function ownGauge(
  name: string,
  help: string,
  labelNames: readonly string[],
  all: readonly Pick<SeenSeries, 'labels' | 'value'>[],
): SeenFamily {
  const labels = labelNames.map((label) => ({ name: label }))
  const rest = { distribution: { count: 0, sum: 0, counts: [] }, shares: [] }
  return new SeenFamily(
    { name, help, kind: 'gauge', unit: '', labels, buckets: null },
    all.map((one) => ({ ...one, ...rest })),
  )
}

/** What an exposition shows: the metrics of the service, which of its processes are stale, and how many live. */
export function exposedOf({ families, living, stale }: MetricsLook): ExposedFamily[] {
  const ofStale = stale.map(([column, value]) => ({ labels: [String(column)], value }))
  const own = [
    ownGauge(STALE_NAME, STALE_HELP, [PROCESS_LABEL], ofStale),
    ownGauge(LIVING_NAME, LIVING_HELP, [], living === null ? [] : [{ labels: [], value: living }]),
  ]
  const names = new Set(families.map(({ spec }) => spec.name))
  return [...families, ...own.filter(({ spec, series }) => series > 0 && !names.has(spec.name))]
}
