/**
 * The traces of a service, found and read in its files: while its processes run, after they died, and in a copy of the directory.
 *
 * @module
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { partsOf } from '../../core/service-files.js'
import { FileView } from '../../inspect/file.js'
import { ProcessesFile } from '../../inspect/processes.js'
import { RingFile, generationsOf } from '../../inspect/ring-file.js'
import { type ServicePlace, objectFiles, reasonOf } from '../../inspect/service.js'
import type { Control } from '../controls.js'
import { BadEvents, type TraceDescription, readMemory, writeControl } from '../events-memory.js'
import { type Wanted, changesOf } from '../switches.js'

/** A trace of a service. */
export interface TraceFile {
  /** The path of the file with its events. */
  readonly path: string
  /** Distinguishes traces of one name. */
  readonly generation: string
  readonly description: TraceDescription
  /** When each kind of records is recorded; undefined if that is damaged. */
  readonly controls: readonly (Control | undefined)[]
}

/** The traces of a service. */
export interface ServiceTraces {
  readonly place: ServicePlace
  readonly traces: readonly TraceFile[]
  /** Which files are damaged, and how. */
  readonly problems: readonly string[]
}

function readTrace(path: string, generation: string): TraceFile {
  const file = new FileView(path)
  try {
    return { path, generation, ...readMemory(file.stats.size, (at, length) => file.read(at, length)) }
  } finally {
    file.close()
  }
}

/** Reads the events of all traces of a service. @throws Error if the directory cannot be read. */
export function tracesOf(place: ServicePlace): ServiceTraces {
  const traces: TraceFile[] = []
  const problems: string[] = []
  for (const name of objectFiles(place.path)) {
    const parts = partsOf(name)
    if (parts?.kind !== 'events') continue
    try {
      traces.push(readTrace(join(place.path, name), parts.generation))
    } catch (error) {
      problems.push(`${name} ${error instanceof BadEvents ? error.message : reasonOf(error)}`)
    }
  }
  return { place, traces, problems }
}

/** Opens the ring of a trace. @throws Error if there is none. */
export function openTraceRing({ path }: ServicePlace, { description: { ring } }: TraceFile): RingFile {
  const newest = generationsOf(path, ring, 'ring').at(-1)
  if (newest === undefined) throw new Error(`${path} has no ring '${ring}'`)
  return new RingFile(newest)
}

/** The titles of a service's processes, by their slot and their id. */
export class ProcessTitles {
  readonly #titles = new Map<string, string>()

  constructor({ path }: ServicePlace) {
    try {
      const file = new ProcessesFile(path)
      try {
        for (const { slot, pid, title } of file.read().processes) this.#titles.set(`${slot} ${pid}`, title)
      } finally {
        file.close()
      }
    } catch {
      // Processes then have no titles.
    }
  }

  /** The title; undefined if the slot has been taken by another process since. */
  of(slot: number, pid: number): string | undefined {
    return this.#titles.get(`${slot} ${pid}`)
  }
}

/**
 * Sets the switches of the events that a pattern matches, in the files of a service: its processes see them at once.
 *
 * @returns the names of the events.
 * @throws RangeError for a filter that does not fit the events.
 */
export function setSwitches({ traces }: ServiceTraces, wanted: Wanted): string[] {
  const set: string[] = []
  for (const { path, description } of traces) {
    const changes = changesOf(description.spec, wanted)
    if (changes.length === 0) continue
    const file = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      for (const { id, event, control } of changes) {
        writeControl(description, id, control, (at, bytes) => writeSync(file, bytes, 0, bytes.length, at))
        set.push(`${description.spec.name}:${event}`)
      }
    } finally {
      closeSync(file)
    }
  }
  return set
}

/** The name of a trace's file without what all have: the name of the trace and its generation. */
export function titleOf({ path }: TraceFile): string {
  return basename(path).replace('.events.', '.')
}
