/**
 * Perfetto's protobuf format: a sequence of packets with the events in the order of their times. Names and texts are written once, and
 * then meant by their numbers. The numbers of fields are those of `perfetto.protos.Trace`.
 *
 * A span has a track of its own, as spans of one thread may overlap.
 *
 * @module
 */
import { Message } from '../../core/protobuf.js'
import type { DecodedField, DecodedValue } from '../decoder.js'
import type { ReadEvent, Streams } from '../read/events.js'
import { missingTexts } from '../read/events.js'
import type { ProcessTitles } from '../read/trace-file.js'
import { OpenSpans, fullName, marked, plain } from '../read/values.js'

const TRACE_PACKET = 1
const Packet = {
  ...{ clockSnapshot: 6, timestamp: 8, sequence: 10, trackEvent: 11, internedData: 12, sequenceFlags: 13 },
  ...{ clockId: 58, trackDescriptor: 60 },
} as const
const Event = { categoryIids: 3, debugAnnotations: 4, type: 9, nameIid: 10, trackUuid: 11 } as const
const Annotation = {
  ...{ nameIid: 1, bool: 2, uint: 3, int: 4, double: 5, string: 6, array: 12, stringIid: 17 },
} as const
const Interned = { categories: 1, names: 2, annotationNames: 3, annotationStrings: 29 } as const
const Track = { uuid: 1, name: 2, process: 3, thread: 4, parentUuid: 5 } as const
const Type = { begin: 1, end: 2, instant: 3 } as const
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

/** Makes the packets of a trace. */
class Packets {
  readonly #categories = new Names(Interned.categories)
  readonly #names = new Names(Interned.names)
  readonly #annotations = new Names(Interned.annotationNames)
  readonly #texts = new Names(Interned.annotationStrings, MOST_TEXTS)
  readonly #tracks = new Map<string, number>()
  readonly #spans = new OpenSpans<number>()
  readonly #titles: ProcessTitles
  #lastTrack = 0
  #isFirst = true

  constructor(titles: ProcessTitles) {
    this.#titles = titles
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

  *#track(key: string, describe: (track: Message) => Message): Generator<Buffer, number> {
    const known = this.#tracks.get(key)
    if (known !== undefined) return known
    const uuid = ++this.#lastTrack
    this.#tracks.set(key, uuid)
    const track = describe(new Message().unsigned(Track.uuid, uuid))
    yield this.#packet(new Message().message(Packet.trackDescriptor, track))
    return uuid
  }

  *#threadTrack({ pid, slot, thread }: ReadEvent): Generator<Buffer, number> {
    const title = this.#titles.of(slot, pid)
    const process = new Message().unsigned(1, pid)
    if (title !== undefined) process.text(6, title)
    const parent = yield* this.#track(`${pid}`, (track) => track.message(Track.process, process))
    const ids = new Message().unsigned(1, pid).unsigned(2, thread)
    return yield* this.#track(`${pid} ${thread}`, (track) =>
      track.message(Track.thread, ids).unsigned(Track.parentUuid, parent),
    )
  }

  /** The track of an event, and its type. */
  *#placeOf(event: ReadEvent): Generator<Buffer, { track: number; type: number }> {
    const thread = yield* this.#threadTrack(event)
    const { phase } = event.spec
    if (phase === 'event') return { track: thread, type: Type.instant }
    if (phase === 'end') {
      // The beginning of a span may have been overwritten. Its end is then shown as an event.
      const track = this.#spans.end(event)
      return track === undefined ? { track: thread, type: Type.instant } : { track, type: Type.end }
    }
    const track = ++this.#lastTrack
    this.#spans.begin(event, track)
    const descriptor = new Message()
      .unsigned(Track.uuid, track)
      .text(Track.name, fullName(event))
      .unsigned(Track.parentUuid, thread)
    yield this.#packet(new Message().message(Packet.trackDescriptor, descriptor))
    return { track, type: Type.begin }
  }

  *event(event: ReadEvent): Generator<Buffer> {
    const { track, type } = yield* this.#placeOf(event)
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
    const packet = new Message().unsigned(Packet.timestamp, time).unsigned(Packet.clockId, REALTIME)
    if (interned.length > 0) packet.message(Packet.internedData, interned)
    yield this.#packet(packet.message(Packet.trackEvent, message))
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
export function* perfettoPackets(streams: Streams, titles: ProcessTitles): Generator<Buffer> {
  const packets = new Packets(titles)
  let last: bigint | undefined
  for (const event of streams.merged()) {
    if (last === undefined) yield packets.clock(event.time)
    last = event.time
    yield* packets.event(event)
  }
  const texts = missingTexts(streams.streams)
  if (texts.length > 0) yield packets.missing(last ?? 0n, texts)
}
