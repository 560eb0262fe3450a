/**
 * Perfetto's protobuf format: a sequence of packets with the events in the order of their times. Names and texts are written once, and
 * then meant by their numbers. The numbers of fields are those of `perfetto.protos.Trace`.
 *
 * A span has a track of its own, as spans of one thread may overlap. So has each counter of a thread.
 *
 * @module
 */
import { Message } from '../../core/protobuf.js'
import type { DecodedField, DecodedValue } from '../decoder.js'
import type { ReadEvent, Streams } from '../read/events.js'
import { missingTexts } from '../read/events.js'
import { threadNameOf } from '../read/thread-name.js'
import type { ProcessTitles } from '../read/trace-file.js'
import { OpenSpans, flowsOf, fullName, marked, plain } from '../read/values.js'
import type { CounterValue, Counters } from './counters.js'

const TRACE_PACKET = 1
const Packet = {
  ...{ clockSnapshot: 6, timestamp: 8, sequence: 10, trackEvent: 11, internedData: 12, sequenceFlags: 13 },
  ...{ clockId: 58, trackDescriptor: 60 },
} as const
const Event = {
  ...{ categoryIids: 3, debugAnnotations: 4, type: 9, nameIid: 10, trackUuid: 11 },
  ...{ counterValue: 30, doubleCounterValue: 44, flowIds: 47 },
} as const
const Annotation = {
  ...{ nameIid: 1, bool: 2, uint: 3, int: 4, double: 5, string: 6, array: 12, stringIid: 17 },
} as const
const Interned = { categories: 1, names: 2, annotationNames: 3, annotationStrings: 29 } as const
const Track = { uuid: 1, name: 2, process: 3, thread: 4, parentUuid: 5, counter: 8 } as const
const Process = { pid: 1, name: 6 } as const
const Thread = { pid: 1, tid: 2, name: 5 } as const
const Type = { begin: 1, end: 2, instant: 3, counter: 4 } as const
const REALTIME = 1
const SEQUENCE = 1
const CLEARED = 1
const NEEDS_STATE = 2
/** The most texts of fields that are written once; others are written each time. */
const MOST_TEXTS = 10_000

/** Names of one kind, with their numbers. */
class Names {
  readonly #field: number
  readonly #most: number
  readonly #numbers = new Map<string, number>()

  constructor(field: number, most = Infinity) {
    this.#field = field
    this.#most = most
  }

  /** The number of a name, which is added to `interned` if it is new. Undefined if there are too many. */
  numberOf(name: string, interned: Message): number | undefined {
    const known = this.#numbers.get(name)
    if (known !== undefined || this.#numbers.size >= this.#most) return known
    const number = this.#numbers.size + 1
    this.#numbers.set(name, number)
    interned.message(this.#field, new Message().unsigned(1, number).text(2, name))
    return number
  }
}

/** A span that has begun. */
interface Begun {
  readonly track: number
  readonly flows: readonly bigint[]
}

/** Where an event is shown, and how. */
interface Shown extends Begun {
  readonly type: number
  /** The track of its thread. */
  readonly thread: number
}

/** Makes the packets of a trace. */
class Packets {
  readonly #categories = new Names(Interned.categories)
  readonly #names = new Names(Interned.names)
  readonly #annotations = new Names(Interned.annotationNames)
  readonly #texts = new Names(Interned.annotationStrings, MOST_TEXTS)
  readonly #tracks = new Map<string, { readonly uuid: number; readonly name: string | undefined }>()
  readonly #spans = new OpenSpans<Begun>()
  readonly #titles: ProcessTitles
  readonly #counters: Counters
  #lastTrack = 0
  #isFirst = true

  constructor(titles: ProcessTitles, counters: Counters) {
    this.#titles = titles
    this.#counters = counters
  }

  #packet(content: Message): Buffer {
    const flags = this.#isFirst ? CLEARED | NEEDS_STATE : NEEDS_STATE
    this.#isFirst = false
    const packet = content.unsigned(Packet.sequence, SEQUENCE).unsigned(Packet.sequenceFlags, flags)
    return new Message().message(TRACE_PACKET, packet).toBuffer()
  }

  /** The first packet: the clock of all times is the wall clock. */
  clock(at: bigint): Buffer {
    const clock = new Message().unsigned(1, REALTIME).unsigned(2, at)
    const snapshot = new Message().message(1, clock).unsigned(2, REALTIME)
    return this.#packet(new Message().message(Packet.clockSnapshot, snapshot))
  }

  /** @param name - is described again if it changes. */
  *#track(key: string, describe: (track: Message) => Message, name?: string): Generator<Buffer, number> {
    const known = this.#tracks.get(key)
    if (known !== undefined && (name === undefined || known.name === name)) return known.uuid
    const uuid = known?.uuid ?? ++this.#lastTrack
    this.#tracks.set(key, { uuid, name })
    yield this.#described(uuid, describe)
    return uuid
  }

  #described(uuid: number, describe: (track: Message) => Message): Buffer {
    const track = describe(new Message().unsigned(Track.uuid, uuid))
    return this.#packet(new Message().message(Packet.trackDescriptor, track))
  }

  *#threadTrack(event: ReadEvent): Generator<Buffer, number> {
    const { pid, slot, thread } = event
    const title = this.#titles.of(slot, pid)
    const process = new Message().unsigned(Process.pid, pid)
    if (title !== undefined) process.text(Process.name, title)
    const parent = yield* this.#track(`${pid}`, (track) => track.message(Track.process, process))
    const name = threadNameOf(event)
    const ids = new Message().unsigned(Thread.pid, pid).unsigned(Thread.tid, thread)
    if (name !== undefined) ids.text(Thread.name, name)
    return yield* this.#track(
      `${pid} ${thread}`,
      (track) => track.message(Track.thread, ids).unsigned(Track.parentUuid, parent),
      name,
    )
  }

  *#shownOf(event: ReadEvent): Generator<Buffer, Shown> {
    const thread = yield* this.#threadTrack(event)
    const { phase } = event.spec
    const flows = flowsOf(event)
    const begun = phase === 'end' ? this.#spans.end(event) : undefined
    if (begun !== undefined) {
      // The beginning has its flows already.
      const own = flows.filter((flow) => !begun.flows.includes(flow))
      return { thread, track: begun.track, type: Type.end, flows: own }
    }
    // The beginning of a span may have been overwritten. Its end is then shown as an event.
    if (phase !== 'begin') return { thread, track: thread, type: Type.instant, flows }
    const track = ++this.#lastTrack
    this.#spans.begin(event, { track, flows })
    yield this.#described(track, (own) =>
      own.text(Track.name, fullName(event)).unsigned(Track.parentUuid, thread),
    )
    return { thread, track, type: Type.begin, flows }
  }

  *#counter(thread: number, { name, value }: CounterValue, time: bigint): Generator<Buffer> {
    const track = yield* this.#track(`${thread} ${name}`, (own) =>
      own.text(Track.name, name).unsigned(Track.parentUuid, thread).message(Track.counter, new Message()),
    )
    const message = new Message().unsigned(Event.type, Type.counter).unsigned(Event.trackUuid, track)
    const isWhole = typeof value === 'bigint' && BigInt.asIntN(64, value) === value
    if (isWhole) message.int64(Event.counterValue, value)
    else message.double(Event.doubleCounterValue, Number(value))
    const packet = new Message().unsigned(Packet.timestamp, time).unsigned(Packet.clockId, REALTIME)
    yield this.#packet(packet.message(Packet.trackEvent, message))
  }

  *event(event: ReadEvent): Generator<Buffer> {
    const { thread, track, type, flows } = yield* this.#shownOf(event)
    const { trace, time, spec, cpu, fields, isMisfit } = event
    const interned = new Message()
    const message = new Message()
      .unsigned(Event.categoryIids, this.#categories.numberOf(trace.description.spec.name, interned) ?? 0)
      .unsigned(Event.type, type)
      .unsigned(Event.nameIid, this.#names.numberOf(fullName(event), interned) ?? 0)
      .unsigned(Event.trackUuid, track)
    const annotate = (name: string, value: DecodedValue): void => {
      const annotation = new Message().unsigned(
        Annotation.nameIid,
        this.#annotations.numberOf(name, interned) ?? 0,
      )
      message.message(Event.debugAnnotations, this.#valued(annotation, value, interned))
    }
    for (const field of fields) annotate(field.spec.name, shown(field))
    annotate('level', spec.level)
    annotate('cpu', cpu)
    if (isMisfit) annotate('misfit', true)
    for (const flow of flows) message.fixed64(Event.flowIds, flow)
    const packet = new Message().unsigned(Packet.timestamp, time).unsigned(Packet.clockId, REALTIME)
    if (interned.length > 0) packet.message(Packet.internedData, interned)
    yield this.#packet(packet.message(Packet.trackEvent, message))
    for (const counter of this.#counters.of(event)) yield* this.#counter(thread, counter, time)
  }

  #valued(annotation: Message, value: DecodedValue, interned: Message): Message {
    if (typeof value === 'boolean') return annotation.unsigned(Annotation.bool, value ? 1 : 0)
    if (typeof value === 'bigint')
      return value < 0n
        ? annotation.int64(Annotation.int, value)
        : annotation.unsigned(Annotation.uint, value)
    if (typeof value === 'number')
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? annotation.int64(Annotation.int, BigInt(value))
        : annotation.double(Annotation.double, value)
    if (typeof value === 'string') {
      const number = this.#texts.numberOf(value, interned)
      return number === undefined
        ? annotation.text(Annotation.string, value)
        : annotation.unsigned(Annotation.stringIid, number)
    }
    for (const one of value) annotation.message(Annotation.array, this.#valued(new Message(), one, interned))
    return annotation
  }

  /** An event that says what is missing, at the end. */
  missing(at: bigint, texts: readonly string[]): Buffer {
    const interned = new Message()
    const message = new Message()
      .unsigned(Event.type, Type.instant)
      .unsigned(Event.nameIid, this.#names.numberOf('missing events', interned) ?? 0)
      .unsigned(Event.trackUuid, 0)
    for (const text of texts) {
      const name = this.#annotations.numberOf('missing', interned) ?? 0
      const annotation = new Message().unsigned(Annotation.nameIid, name).text(Annotation.string, text)
      message.message(Event.debugAnnotations, annotation)
    }
    const packet = new Message().unsigned(Packet.timestamp, at).unsigned(Packet.clockId, REALTIME)
    return this.#packet(packet.message(Packet.internedData, interned).message(Packet.trackEvent, message))
  }
}

/** A field's value: bytes as base64, which a viewer can show. */
function shown(field: DecodedField): DecodedValue {
  const value = marked(field)
  return value instanceof Uint8Array ? String(plain(value)) : value
}

/** Yields the parts of the file. */
export function* perfettoPackets(
  streams: Streams,
  titles: ProcessTitles,
  { counters }: { readonly counters: Counters },
): Generator<Buffer> {
  const packets = new Packets(titles, counters)
  let last: bigint | undefined
  for (const event of streams.merged()) {
    if (last === undefined) yield packets.clock(event.time)
    last = event.time
    yield* packets.event(event)
  }
  const texts = missingTexts(streams.streams)
  if (texts.length === 0) return
  if (last === undefined) yield packets.clock(0n)
  yield packets.missing(last ?? 0n, texts)
}
