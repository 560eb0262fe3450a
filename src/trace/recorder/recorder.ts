/**
 * Records the traces of a service to rotated files in CTF 1.8, from another process: it reads the files of the service again and again.
 *
 * @module
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RingFile, RingStream } from '../../inspect/ring-file.js'
import { type ServicePlace, reasonOf } from '../../inspect/service.js'
import { RECORD_FRAME, RECORD_TIME, paddedRecord } from '../../core/layout.js'
import { metadataText } from '../ctf/metadata.js'
import { PacketWriter } from '../ctf/packets.js'
import { newUuid, streamName } from '../ctf/streams.js'
import { type EventChoice, filterOf } from '../read/events.js'
import { type TraceFile, openTraceRing, titleOf, tracesOf } from '../read/trace-file.js'
import { mostBytes } from '../record-layout.js'
import { RecordCursor } from '../ctf/record-cursor.js'
import { PacketFiles, type Rotation } from './packet-files.js'

/** How many looks pass before the service is asked for new traces. */
const LOOKS_FOR_TRACES = 10

/** The events of one CPU, on their way to files. */
class RecordedStream {
  readonly cpu: number | null
  events = 0
  /** Events that found no room in the ring since the recording began, and records that are no events. */
  discarded = 0
  /** Bytes that the ring overwrote before they were read. */
  overwrittenBytes = 0
  damagedBytes = 0
  readonly #files: PacketFiles
  readonly #packets: PacketWriter
  readonly #droppedBefore: number
  /** The fewest events that the overwritten bytes can have been. */
  #overwritten = 0
  #foreign = 0
  #hasLooked: boolean
  /** The time of the last event: times never run backwards, also not from one look to the next. */
  #time = { high: 0, low: 0 }

  /** @param isLater - whether its ring came when the recording had begun, so that all that was in it is of the recording. */
  constructor(
    trace: TraceFile,
    { shard, cpu, dropped }: RingStream,
    files: PacketFiles,
    uuid: Buffer,
    isLater: boolean,
  ) {
    this.cpu = cpu
    this.#droppedBefore = isLater ? 0 : dropped
    this.#hasLooked = isLater
    this.#files = files
    const { records } = trace.description.spec
    this.#packets = new PacketWriter({ records, uuid, instance: shard, cpu }, (packet) => {
      files.append(packet)
    })
  }

  /** Writes what there is since the last look. Returns the position up to which that is known. */
  look(stream: RingStream, isWanted: (id: number) => boolean, longest: number): number {
    const cursor = new RecordCursor(stream.clock, stream.areTicks)
    cursor.high = this.#time.high
    cursor.low = this.#time.low
    let piece = stream.pieces.next()
    for (; piece.done !== true; piece = stream.pieces.next()) {
      cursor.begin(piece.value)
      while (cursor.next()) {
        const added = this.#packets.add(cursor, isWanted)
        if (added === 'written') this.events++
        if (added === 'foreign') this.#foreign++
      }
    }
    this.#time = { high: cursor.high, low: cursor.low }
    const { next, overwritten, damaged } = piece.value
    this.damagedBytes += damaged
    // What was overwritten before the first look is not of this recording.
    if (this.#hasLooked && overwritten > 0) {
      this.overwrittenBytes += overwritten
      this.#overwritten += Math.ceil(overwritten / longest)
    }
    this.#hasLooked = true
    this.discarded = Math.max(0, stream.dropped - this.#droppedBefore) + this.#foreign
    if (!this.#packets.isEmpty) {
      // Readers compare the number with that of the packet before, so the first packet of a recording begins with none.
      if (this.#packets.packets > 0) this.#packets.discarded = this.#missing
      this.#packets.flush()
    }
    return next
  }

  get #missing(): number {
    return this.discarded + this.#overwritten
  }

  /** Writes what is missing, and closes the file. */
  end(): void {
    try {
      this.#packets.end(this.#missing)
    } finally {
      this.#files.close()
    }
  }
}

/** A trace that is recorded. */
class RecordedTrace {
  readonly trace: TraceFile
  /** The streams by the numbers of their shards. */
  readonly #streams = new Map<number, RecordedStream>()
  readonly #ring: RingFile
  readonly #isWanted: (id: number) => boolean
  readonly #longest: number
  readonly #next: number[] = []
  readonly #make: (stream: RingStream, isLater: boolean) => RecordedStream

  constructor(place: ServicePlace, trace: TraceFile, out: string, rotation: Rotation, choice: EventChoice) {
    this.trace = trace
    this.#isWanted = filterOf(trace, choice)
    const { records } = trace.description.spec
    this.#longest = Math.max(...records.map(mostBytes).map(paddedRecord)) + RECORD_FRAME + RECORD_TIME
    this.#ring = openTraceRing(place, trace)
    try {
      this.#make = this.#begin(out, rotation)
    } catch (error) {
      // The trace is tried again, by another object.
      this.#ring.close()
      throw error
    }
  }

  /** The streams of its CPUs. */
  get streams(): IterableIterator<RecordedStream> {
    return this.#streams.values()
  }

  /** Makes the directory of the trace, and a stream for each CPU. Returns how to make one for a CPU that comes later. */
  #begin(out: string, rotation: Rotation): (stream: RingStream, isLater: boolean) => RecordedStream {
    const { trace } = this
    let directory = join(out, titleOf(trace))
    for (let k = 2; existsSync(directory); k++) directory = join(out, `${titleOf(trace)}.${k}`)
    const uuid = newUuid()
    const all = this.#ring.streams()
    mkdirSync(directory)
    writeFileSync(join(directory, 'metadata'), metadataText(trace, uuid.text, []), { flag: 'wx' })
    const make = (stream: RingStream, isLater: boolean): RecordedStream => {
      const files = new PacketFiles(directory, streamName(stream.cpu), rotation)
      return new RecordedStream(trace, stream, files, uuid.bytes, isLater)
    }
    for (const stream of all) this.#streams.set(stream.shard, make(stream, false))
    return make
  }

  get isThere(): boolean {
    return this.#ring.isThere()
  }

  look(): void {
    for (const stream of this.#ring.streams(this.#next)) {
      const { shard } = stream
      // The rings of CPUs are allocated when a thread is first seen there.
      const recorded = this.#streams.get(shard) ?? this.#make(stream, true)
      this.#streams.set(shard, recorded)
      this.#next[shard] = recorded.look(stream, this.#isWanted, this.#longest)
    }
  }

  end(): void {
    this.#ring.close()
    const errors: unknown[] = []
    for (const stream of this.streams) {
      try {
        stream.end()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}

/** Records all traces of a service, also those that its processes open later. */
export class Recorder {
  readonly #place: ServicePlace
  readonly #out: string
  readonly #rotation: Rotation
  readonly #choice: EventChoice
  readonly #open = new Map<string, RecordedTrace>()
  readonly #all: RecordedTrace[] = []
  readonly #problems = new Set<string>()
  #looks = 0

  /** @param out - the directory, which is made. @throws Error if it exists or cannot be made. */
  constructor(place: ServicePlace, out: string, rotation: Rotation, choice: EventChoice) {
    this.#place = place
    this.#out = out
    this.#rotation = rotation
    this.#choice = choice
    mkdirSync(out)
  }

  /** How many events were written. */
  get events(): number {
    return this.#streams().reduce((sum, { stream }) => sum + stream.events, 0)
  }

  /** What could not be read, one sentence for each thing. */
  get problems(): readonly string[] {
    return [...this.#problems]
  }

  #streams(): { name: string; stream: RecordedStream }[] {
    return this.#all.flatMap(({ trace, streams }) =>
      [...streams].map((stream) => ({ name: trace.description.spec.name, stream })),
    )
  }

  #findTraces(): void {
    const { traces, problems } = tracesOf(this.#place)
    for (const problem of problems) this.#problems.add(problem)
    for (const trace of traces) {
      if (this.#open.has(trace.path)) continue
      try {
        const recorded = new RecordedTrace(this.#place, trace, this.#out, this.#rotation, this.#choice)
        this.#open.set(trace.path, recorded)
        this.#all.push(recorded)
      } catch (error) {
        // A trace whose ring is not there yet is tried again.
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error
        this.#problems.add((error as Error).message)
      }
    }
  }

  /**
   * Writes the events since the last look.
   *
   * @returns false if the service is not there any more.
   * @throws an error of `node:fs` if the events cannot be written.
   */
  look(): boolean {
    const isThere = existsSync(this.#place.path)
    if (isThere && this.#looks++ % LOOKS_FOR_TRACES === 0) this.#findTraces()
    for (const [path, recorded] of this.#open) {
      // The last events of a ring that was removed are written, as its file is open here.
      const wasThere = recorded.isThere
      if (this.#read(recorded) && wasThere) continue
      this.#open.delete(path)
      recorded.end()
    }
    return isThere
  }

  /** Writes the last events, and what is missing. Returns false if that fails for a trace: {@link problems} say why. */
  end(): boolean {
    let isWhole = true
    for (const recorded of this.#open.values()) {
      try {
        try {
          this.#read(recorded)
        } finally {
          recorded.end()
        }
      } catch (error) {
        this.#problems.add((error as Error).message)
        isWhole = false
      }
    }
    this.#open.clear()
    return isWhole
  }

  /** Writes the events of one trace. Returns false if its ring cannot be read: the other traces go on. */
  #read(recorded: RecordedTrace): boolean {
    try {
      recorded.look()
      return true
    } catch (error) {
      // Only errors of the files that are written have a code.
      if ((error as NodeJS.ErrnoException).code !== undefined) throw error
      this.#problems.add(`${recorded.trace.path} is recorded no longer: ${reasonOf(error)}`)
      return false
    }
  }

  /** What is missing by CPU, in sentences. */
  missing(): string[] {
    return this.#streams().flatMap(({ name, stream }) => {
      const { cpu, discarded, overwrittenBytes, damagedBytes } = stream
      const what = [
        discarded > 0 ? `${discarded} events were discarded` : '',
        overwrittenBytes > 0
          ? `${overwrittenBytes} bytes of events were overwritten before they were read`
          : '',
        damagedBytes > 0 ? `${damagedBytes} bytes are damaged and were skipped` : '',
      ].filter((text) => text !== '')
      const where = `${name}, ${cpu === null ? 'the overflow ring' : `CPU ${cpu}`}`
      return what.length === 0 ? [] : [`${where}: ${what.join(', ')}`]
    })
  }
}
