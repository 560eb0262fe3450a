/**
 * The events of a service's traces, read from its files one after the other: what the export formats are made of.
 *
 * @module
 */
import type { RingFile, RingStream } from '../../inspect/ring-file.js'
import type { Clock } from '../../inspect/clock.js'
import type { RingPiece } from '../../inspect/record-frame.js'
import type { SeenRecord, ShardEnd } from '../../inspect/ring.js'
import { type Decoded, decode } from '../decoder.js'
import type { Level } from '../schema.js'
import { chosen } from '../switches.js'
import { type ServiceTraces, type TraceFile, openTraceRing } from './trace-file.js'

/** An event, as it was read. */
export interface ReadEvent extends Decoded {
  readonly trace: TraceFile
  /** Nanoseconds since 1970; if the service has no samples of its clocks, the record's stamp. */
  readonly time: bigint
  readonly cpu: number
  readonly thread: number
}

/** The events of one CPU of a trace, and what is missing. The numbers grow while the events are read. */
export interface EventStream {
  readonly trace: TraceFile
  /** The CPU; null for the overflow ring. */
  readonly cpu: number | null
  readonly events: Generator<ReadEvent, void, undefined>
  /** The records of `events` in pieces, for a reader that decodes them itself. Use one of the two. */
  readonly pieces: Generator<RingPiece, void, undefined>
  readonly clock: Clock
  /** Whether the records of `pieces` have ticks, if they have no time of their own. */
  readonly areTicks: boolean
  /** Whether an event is wanted, by its number. */
  readonly isWanted: Filter
  readonly missing: Missing
}

/** What a stream has not. */
export interface Missing {
  /** Events that found no room in the ring, and records that are no events of the trace. */
  discarded: number
  /** Bytes of older records that younger ones have replaced: a flight recorder's way. */
  overwrittenBytes: number
  /** Bytes that were skipped, as something else has written over them. */
  damagedBytes: number
  /** Whether the ring's own words are damaged. */
  isDamaged: boolean
}

/** Which events are wanted. */
export interface EventChoice {
  readonly pattern: string
  readonly level: Level
}

/** Whether an event is wanted. */
type Filter = (id: number) => boolean

export function filterOf({ description }: TraceFile, choice: EventChoice | undefined): Filter {
  if (choice === undefined) return () => true
  const wanted = new Set(chosen(description.spec, choice.pattern, choice.level))
  return (id) => wanted.has(id)
}

/** The event of a record; undefined if the record is none of the trace. */
export function eventOf(trace: TraceFile, record: SeenRecord): ReadEvent | undefined {
  const decoded = decode(trace.description.spec.records, record.bytes)
  if (decoded === undefined) return undefined
  const { time, stamp, cpu, thread } = record
  return { ...decoded, trace, time: time ?? stamp, cpu, thread }
}

function* eventsOf(
  trace: TraceFile,
  { records }: RingStream,
  missing: Missing,
  isWanted: Filter,
): Generator<ReadEvent, void, undefined> {
  let one = records.next()
  // Formats have no times that run backwards or are negative. Stamps may be both, where something has written over them.
  let last = 0n
  for (; one.done !== true; one = records.next()) {
    const event = eventOf(trace, one.value)
    if (event === undefined) missing.discarded++
    else {
      if (event.time > last) last = event.time
      if (isWanted(event.id)) yield { ...event, time: last }
    }
  }
  addEnd(missing, one.value)
}

function* piecesOf({ pieces }: RingStream, missing: Missing): Generator<RingPiece, void, undefined> {
  addEnd(missing, yield* pieces)
}

/** Adds what a reading has left out. */
function addEnd(missing: Missing, { overwritten, damaged, isDamaged }: ShardEnd): void {
  missing.overwrittenBytes += overwritten
  missing.damagedBytes += damaged
  missing.isDamaged ||= isDamaged
}

/** The streams of all traces of a service. */
export class Streams {
  readonly streams: readonly EventStream[]
  /** What cannot be read at all. */
  readonly problems: readonly string[]
  readonly #rings: RingFile[] = []

  constructor(service: ServiceTraces, choice?: EventChoice) {
    const problems = [...service.problems]
    const streams: EventStream[] = []
    for (const trace of service.traces) {
      try {
        const ring = openTraceRing(service.place, trace)
        this.#rings.push(ring)
        for (const stream of ring.streams()) {
          const missing = {
            discarded: stream.dropped,
            overwrittenBytes: 0,
            damagedBytes: 0,
            isDamaged: false,
          }
          const isWanted = filterOf(trace, choice)
          const events = eventsOf(trace, stream, missing, isWanted)
          const pieces = piecesOf(stream, missing)
          streams.push({ ...stream, trace, events, pieces, isWanted, missing })
        }
      } catch (error) {
        problems.push((error as Error).message)
      }
    }
    this.streams = streams
    this.problems = problems
  }

  /** Yields the events of all streams in the order of their times. Memory: one piece of each stream. */
  *merged(): Generator<ReadEvent, void, undefined> {
    /** The next event of each stream, the earliest last. */
    const heads: { event: ReadEvent; events: EventStream['events'] }[] = []
    const add = (events: EventStream['events']): void => {
      const { value: event } = events.next()
      if (event === undefined) return
      let [low, high] = [0, heads.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((heads[middle]?.event.time ?? 0n) > event.time) low = middle + 1
        else high = middle
      }
      heads.splice(low, 0, { event, events })
    }
    for (const { events } of this.streams) add(events)
    for (let next = heads.pop(); next !== undefined; next = heads.pop()) {
      yield next.event
      add(next.events)
    }
  }

  close(): void {
    for (const ring of this.#rings) ring.close()
  }
}

/** What is missing, in sentences, one for each stream that has not all. */
export function missingTexts(streams: readonly EventStream[]): string[] {
  return streams.flatMap(({ trace, cpu, missing }) => {
    const { discarded, overwrittenBytes, damagedBytes, isDamaged } = missing
    const what = [
      discarded > 0 ? `${discarded} events were discarded` : '',
      overwrittenBytes > 0 ? `${overwrittenBytes} bytes of older events were overwritten` : '',
      damagedBytes > 0 ? `${damagedBytes} bytes are damaged and were skipped` : '',
      isDamaged && damagedBytes === 0 ? 'the ring is damaged and was skipped' : '',
    ].filter((text) => text !== '')
    const where = `${trace.description.spec.name}, ${cpu === null ? 'the overflow ring' : `CPU ${cpu}`}`
    return what.length === 0 ? [] : [`${where}: ${what.join(', ')}`]
  })
}
