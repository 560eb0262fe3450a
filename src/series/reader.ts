/**
 * Reads the metrics of a service again and again, from outside its processes: it opens files for reading only.
 *
 * @module
 */
import { clearTimeout, setTimeout } from 'node:timers'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { partsOf } from '../core/service-files.js'
import { ProcessesFile, type ServicePlace, holderOf, objectFiles, reasonOf } from '../inspect/index.js'
import type { ExposedFamily } from '../metrics/read.js'
import { PROCESS_LABEL } from '../metrics/aggregator.js'
import { type LivingLook, NO_DISTRIBUTION, SeenFamily, type SeenSeries, familiesOf } from './families.js'
import { SeriesFile, type SeriesLook } from './file.js'
import { familiesOfMetrics } from './metrics-families.js'
import { MetricsFile, type MetricsFileLook } from './metrics-file.js'
import { STALE_HELP, STALE_NAME, staleOf } from './round.js'

/** Files are closed when nobody has looked for so long: a removed file takes memory until it is closed. */
const IDLE_MS = 10_000
const LIVING_NAME = 'rseq_service_processes'
const LIVING_HELP = 'Living processes of the service.'

/** The metrics of a service at one time. */
export interface MetricsLook {
  readonly families: readonly SeenFamily[]
  /** The files that hold them, by their names: the families that are listed with each. */
  readonly files: ReadonlyMap<string, readonly SeenFamily[]>
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
  #files = new Map<string, SeriesFile | MetricsFile>()
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
    const isLiving = (note: number): boolean => {
      const holder = holderOf(note, (slot) => bySlot.get(slot))
      // Where the machine does not tell who lives, a process may live.
      return holder.slot !== 0 && holder.living !== false
    }
    const listed = this.#list()
    this.#closeAllBut(listed)
    const problems: string[] = []
    const looks: [name: string, look: LivingLook][] = []
    const metrics: [name: string, look: MetricsFileLook][] = []
    for (const name of listed) {
      try {
        const file = this.#open(name)
        if (file instanceof MetricsFile) metrics.push([name, file.read(byShard, isLiving)])
        else looks.push([name, livingLook(file.read(byShard), isLiving)])
      } catch (error) {
        problems.push(`${name} ${reasonOf(error)}`)
      }
    }
    const ofSeries = looks.map(([, look]) => look)
    const files = new Map([...looks, ...metrics].map(([name]): [string, readonly SeenFamily[]] => [name, []]))
    const [[first] = ['']] = looks
    if (looks.length > 0) files.set(first, familiesOf(ofSeries))
    for (const [name, families] of familiesByName(metrics)) files.set(name, families)
    const lives = processes.map(({ living }) => living)
    const living = lives.includes(null) ? null : lives.filter((one) => one === true).length
    const stale = ofSeries.flatMap(({ columns, living: those }) =>
      staleOf(those, (column) => columns.get(column)?.round ?? 0),
    )
    return { ...withoutDoubles(files, problems), living, stale, problems }
  }

  /** The names of the files with metrics, the one that was made last first. */
  #list(): string[] {
    const { path } = this.#place
    const made = (name: string): number => statSync(join(path, name), { throwIfNoEntry: false })?.ctimeMs ?? 0
    const names = objectFiles(path).filter((name) => {
      const parts = partsOf(name)
      return isMetrics(name) || (parts?.kind === 'series' && parts.retired === null)
    })
    return names.length < 2 ? names : names.sort((one, other) => made(other) - made(one))
  }

  /** A file that was removed takes memory as long as it is open here, and somebody who reads again and again never idles. */
  #closeAllBut(names: readonly string[]): void {
    for (const [name, file] of this.#files) {
      if (names.includes(name)) continue
      file.close()
      this.#files.delete(name)
    }
  }

  #open(name: string): SeriesFile | MetricsFile {
    const path = join(this.#place.path, name)
    const last = this.#files.get(name)
    if (last !== undefined && statSync(path).ino === last.inode) return last
    last?.close()
    this.#files.delete(name)
    const file = isMetrics(name) ? new MetricsFile(path) : new SeriesFile(path)
    this.#files.set(name, file)
    return file
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

/** Whether a file has metrics of `rseq/metrics`. What retired generations have counted counts. */
function isMetrics(name: string): boolean {
  return partsOf(name)?.kind === 'metrics'
}

function livingLook(look: SeriesLook, isLiving: (note: number) => boolean): LivingLook {
  const living = [...look.columns].filter(([, { note }]) => isLiving(note))
  return { ...look, living: living.map(([column]) => column) }
}

/** The families of each name, with the name of the newest file that has them. */
function familiesByName(
  metrics: readonly (readonly [file: string, look: MetricsFileLook])[],
): [file: string, families: readonly SeenFamily[]][] {
  const nameOf = (file: string): string => partsOf(file)?.name ?? ''
  return [...new Set(metrics.map(([file]) => nameOf(file)))].map((name) => {
    const generations = metrics.filter(([file]) => nameOf(file) === name)
    generations.sort(([, one], [, other]) => other.created - one.created)
    return [generations[0]?.[0] ?? '', familiesOfMetrics(generations.map(([, look]) => look))]
  })
}

/** Leaves out metrics whose name another file has, too: no format may show one name twice. */
function withoutDoubles(
  files: ReadonlyMap<string, readonly SeenFamily[]>,
  problems: string[],
): Pick<MetricsLook, 'families' | 'files'> {
  const owners = new Map<string, string>()
  const kept = [...files].map(([file, all]): [string, readonly SeenFamily[]] => [
    file,
    all.filter(({ spec: { name } }) => {
      const owner = owners.get(name)
      if (owner === undefined) owners.set(name, file)
      else problems.push(`${file} has a metric ${name}, which is left out: ${owner} has one of this name`)
      return owner === undefined
    }),
  ])
  return { families: kept.flatMap(([, all]) => all), files: new Map(kept) }
}

/** A gauge that the reader itself makes. */
function ownGauge(
  name: string,
  help: string,
  labelNames: readonly string[],
  all: readonly Pick<SeenSeries, 'labels' | 'value'>[],
): SeenFamily {
  const labels = labelNames.map((label) => ({ name: label }))
  const rest = { distribution: NO_DISTRIBUTION, shares: [] }
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
