/**
 * Reads Perfetto's protobuf format by a protobuf library, with the names and numbers of the published `perfetto.protos`.
 *
 * @module
 */
import protobuf from 'protobufjs'

const SCHEMA = `
syntax = "proto2";
message Trace { repeated TracePacket packet = 1; }
message TracePacket {
  optional ClockSnapshot clock_snapshot = 6;
  optional uint64 timestamp = 8;
  optional uint32 trusted_packet_sequence_id = 10;
  optional TrackEvent track_event = 11;
  optional InternedData interned_data = 12;
  optional uint32 sequence_flags = 13;
  optional uint32 timestamp_clock_id = 58;
  optional TrackDescriptor track_descriptor = 60;
}
message ClockSnapshot { repeated Clock clocks = 1; optional uint32 primary_trace_clock = 2; }
message Clock { optional uint32 clock_id = 1; optional uint64 timestamp = 2; }
message TrackDescriptor {
  optional uint64 uuid = 1;
  optional string name = 2;
  optional ProcessDescriptor process = 3;
  optional ThreadDescriptor thread = 4;
  optional uint64 parent_uuid = 5;
  optional CounterDescriptor counter = 8;
}
message CounterDescriptor { optional int32 unit = 3; }
message ProcessDescriptor { optional int32 pid = 1; optional string process_name = 6; }
message ThreadDescriptor { optional int32 pid = 1; optional int32 tid = 2; optional string thread_name = 5; }
message TrackEvent {
  repeated uint64 category_iids = 3;
  repeated DebugAnnotation debug_annotations = 4;
  optional uint32 type = 9;
  optional uint64 name_iid = 10;
  optional uint64 track_uuid = 11;
  oneof counter_value_field { int64 counter_value = 30; double double_counter_value = 44; }
  repeated fixed64 flow_ids = 47;
}
message DebugAnnotation {
  oneof name_field { uint64 name_iid = 1; string name = 10; }
  oneof value {
    bool bool_value = 2;
    uint64 uint_value = 3;
    int64 int_value = 4;
    double double_value = 5;
    string string_value = 6;
    uint64 string_value_iid = 17;
  }
  repeated DebugAnnotation array_values = 12;
}
message Interned { optional uint64 iid = 1; optional string name = 2; }
message InternedData {
  repeated Interned event_categories = 1;
  repeated Interned event_names = 2;
  repeated Interned debug_annotation_names = 3;
  repeated Interned debug_annotation_string_values = 29;
}
`

interface Annotation {
  nameIid?: string
  value?: string
  arrayValues?: Annotation[]
  [name: string]: unknown
}

interface Interned {
  iid: string
  name: string
}

interface Packet {
  clockSnapshot?: { primaryTraceClock: number }
  timestamp?: string
  timestampClockId?: number
  sequenceFlags?: number
  trackDescriptor?: {
    uuid: string
    name?: string
    parentUuid?: string
    process?: { pid: number; processName?: string }
    thread?: { pid: number; tid: number; threadName?: string }
    counter?: object
  }
  trackEvent?: {
    type: number
    nameIid?: string
    trackUuid: string
    counterValue?: string
    doubleCounterValue?: number
    flowIds?: string[]
    debugAnnotations?: Annotation[]
  }
  internedData?: Record<string, Interned[]>
}

/** An event of a file of Perfetto's. */
export interface PerfettoEvent {
  readonly time: bigint
  readonly type: 'begin' | 'end' | 'instant' | 'counter'
  /** The name of the event; of a counter, that of its track. */
  readonly name: string
  readonly pid: number
  readonly thread: number
  /** What a viewer writes at the tracks of the process and of the thread. */
  readonly titles: { readonly process: string | undefined; readonly thread: string | undefined }
  readonly flows: readonly bigint[]
  /** The value of a counter. */
  readonly value: number | bigint | undefined
  readonly annotations: Readonly<Record<string, unknown>>
  /** Whether a span that begins here ends later, on the same track; true for other events. */
  isClosed: boolean
}

const TYPES = { 1: 'begin', 2: 'end', 3: 'instant', 4: 'counter' } as const

/**
 * Decodes a file.
 *
 * @throws Error if a number stands for no name, a track is not described or has events of another kind, the end of a span has no
 *   beginning, or a field is none of those above.
 */
export function decodePerfetto(bytes: Uint8Array): PerfettoEvent[] {
  const type = protobuf.parse(SCHEMA).root.lookupType('Trace')
  const message = type.decode(bytes)
  // Fields with other numbers would be left out.
  if (type.encode(message).finish().length !== bytes.length)
    throw new Error('there are fields that are not known')
  const { packet: packets } = type.toObject(message, { longs: String, oneofs: true }) as {
    packet: Packet[]
  }
  const names = new Map<string, string>()
  const named = (kind: string, iid: string): string => {
    const name = names.get(`${kind} ${iid}`)
    if (name === undefined) throw new Error(`no ${kind} has the number ${iid}`)
    return name
  }
  const valueOf = (annotation: Annotation): unknown => {
    if (annotation.arrayValues !== undefined && annotation.arrayValues.length > 0)
      return annotation.arrayValues.map(valueOf)
    const given = annotation.value === undefined ? undefined : annotation[annotation.value]
    switch (annotation.value) {
      case 'intValue':
      case 'uintValue':
        return BigInt(given as string)
      case 'stringValueIid':
        return named('debugAnnotationStringValues', given as string)
      default:
        return given ?? []
    }
  }
  const tracks = new Map<string, NonNullable<Packet['trackDescriptor']>>()
  // The track of the whole trace.
  tracks.set('0', { uuid: '0', thread: { pid: 0, tid: 0 } })
  const trackOf = (uuid: string): NonNullable<Packet['trackDescriptor']> => {
    const track = tracks.get(uuid)
    if (track === undefined) throw new Error(`the track ${uuid} is not described`)
    return track
  }
  const threadOf = (uuid: string): { uuid: string; pid: number; tid: number } => {
    const track = trackOf(uuid)
    return track.thread === undefined ? threadOf(track.parentUuid ?? '') : { uuid, ...track.thread }
  }
  const open = new Map<string, PerfettoEvent[]>()
  const events: PerfettoEvent[] = []
  packets.forEach((packet, k) => {
    const {
      trackDescriptor,
      trackEvent,
      internedData = {},
      timestamp,
      timestampClockId,
      sequenceFlags,
    } = packet
    if (k === 0 && packet.clockSnapshot?.primaryTraceClock !== 1) throw new Error('the clock is not known')
    if (sequenceFlags !== (k === 0 ? 3 : 2)) throw new Error('a packet has other flags')
    for (const [kind, all] of Object.entries(internedData)) {
      for (const { iid, name } of all) {
        if (names.has(`${kind} ${iid}`)) throw new Error(`${kind} ${iid} is there twice`)
        names.set(`${kind} ${iid}`, name)
      }
    }
    if (trackDescriptor !== undefined) tracks.set(trackDescriptor.uuid, trackDescriptor)
    if (trackEvent === undefined) return
    if (timestampClockId !== 1) throw new Error('an event has another clock')
    const { trackUuid, counterValue, doubleCounterValue, flowIds = [] } = trackEvent
    const { uuid, pid, tid } = threadOf(trackUuid)
    const isCounter = trackEvent.type === 4
    if (isCounter !== (trackOf(trackUuid).counter !== undefined))
      throw new Error('a counter has its own track')
    const event: PerfettoEvent = {
      time: BigInt(timestamp ?? 0),
      type: TYPES[trackEvent.type as 1 | 2 | 3 | 4],
      name: isCounter ? (trackOf(trackUuid).name ?? '') : named('eventNames', trackEvent.nameIid ?? ''),
      ...{ pid, thread: tid, isClosed: trackEvent.type !== 1 },
      // Names of threads may come after their first events.
      get titles() {
        const { thread, parentUuid = '' } = trackOf(uuid)
        return { process: tracks.get(parentUuid)?.process?.processName, thread: thread?.threadName }
      },
      flows: flowIds.map(BigInt),
      value: counterValue === undefined ? doubleCounterValue : BigInt(counterValue),
      annotations: Object.fromEntries(
        (trackEvent.debugAnnotations ?? []).map((one) => [
          named('debugAnnotationNames', one.nameIid ?? ''),
          valueOf(one),
        ]),
      ),
    }
    events.push(event)
    const stack = open.get(trackUuid) ?? []
    open.set(trackUuid, stack)
    if (event.type === 'begin') stack.push(event)
    if (event.type === 'end') {
      const begun = stack.pop()
      if (begun === undefined) throw new Error(`${event.name} ends without a beginning`)
      begun.isClosed = true
    }
  })
  return events
}
