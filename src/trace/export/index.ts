/**
 * Exports the traces of a service for other tools. Needs no backend: it reads files, on any machine.
 *
 * @module
 */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Additions, checkAdditions } from './additions.js'
import { chromeJson } from './chrome.js'
import { Counters } from './counters.js'
import { writeCtf } from './ctf.js'
import { type EventChoice, type ReadEvent, Streams, missingTexts } from '../read/events.js'
import { withMigrations } from '../read/migrations.js'
import { jsonLines } from './json.js'
import { perfettoPackets } from './perfetto.js'
import { otlpLines, postLines } from './otlp.js'
import { ProcessTitles, type ServiceTraces } from '../read/trace-file.js'

export { type EventChoice, type ReadEvent, eventOf, filterOf } from '../read/events.js'
export { plainEvent } from './json.js'
export {
  ProcessTitles,
  type ServiceTraces,
  type TraceFile,
  openTraceRing,
  setSwitches,
  titleOf,
  tracesOf,
} from '../read/trace-file.js'
export { cutOf, fullName, plain } from '../read/values.js'

/** The formats of {@link exportTraces}. */
export const EXPORT_FORMATS = ['ctf', 'ctf2', 'perfetto', 'chrome', 'json', 'otlp'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Bytes that are written at once. */
const PIECE = 2 ** 16

/** What an export has written, and what it could not. */
export interface Exported {
  readonly events: number
  /** What is missing, in sentences. */
  readonly missing: readonly string[]
  /** What could not be read at all. */
  readonly problems: readonly string[]
}

/** Joins small parts to pieces of about {@link PIECE} bytes. */
function* joined(parts: Iterable<string | Buffer>): Generator<Buffer> {
  let kept: Buffer[] = []
  let length = 0
  for (const part of parts) {
    const bytes = Buffer.from(part)
    kept.push(bytes)
    length += bytes.length
    if (length < PIECE) continue
    yield Buffer.concat(kept)
    kept = []
    length = 0
  }
  if (length > 0) yield Buffer.concat(kept)
}

/** The streams of a service whose events are counted as they are read. */
class CountedStreams extends Streams {
  count = 0
  hasMigrations = false;

  override *merged(): Generator<ReadEvent, void, undefined> {
    const events = super.merged()
    for (const event of this.hasMigrations ? withMigrations(events) : events) {
      this.count++
      yield event
    }
  }
}

/**
 * Writes the events of a service. Memory: some pieces of each CPU's ring, whatever the size of the traces.
 *
 * @param out - the file, or with `ctf` the directory, which is made; `-` is the standard output.
 * @throws Error if it exists, or cannot be written; RangeError for a counter that is none, or for additions that the format has no place for.
 */
export async function exportTraces(
  service: ServiceTraces,
  out: string,
  format: ExportFormat,
  choice?: EventChoice,
  additions: Additions = {},
): Promise<Exported> {
  checkAdditions(additions, format)
  const counters = new Counters(service.traces, additions.counters ?? [])
  const streams = new CountedStreams(service, choice)
  streams.hasMigrations = additions.migrations ?? false
  try {
    let events: number
    if (format === 'ctf' || format === 'ctf2') events = writeCtf(streams, out, format)
    else {
      const titles = new ProcessTitles(service.place)
      const make = { perfetto: perfettoPackets, chrome: chromeJson, json: jsonLines, otlp: otlpLines }[format]
      const made: Iterable<string | Buffer> = make(streams, titles, {
        service: service.place.service,
        counters,
      })
      const parts = Readable.from(joined(made))
      if (format === 'otlp' && /^https?:/.test(out)) await postLines(made as Iterable<string>, out)
      else if (out === '-') await pipeline(parts, process.stdout, { end: false })
      else await pipeline(parts, createWriteStream(out, { flags: 'wx' }))
      events = streams.count
    }
    return { events, missing: missingTexts(streams.streams), problems: streams.problems }
  } finally {
    streams.close()
  }
}
