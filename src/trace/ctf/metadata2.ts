/**
 * The file `metadata` of a trace in the Common Trace Format, version 2: a sequence of JSON texts, each behind a record separator
 * (RFC 7464). The packets are those of version 1.8. babeltrace2 reads it from version 2.1 on.
 *
 * @module
 */
import { LOG_LEVELS, lengthName } from './metadata.js'
import { missingBytes } from './streams.js'
import type { EventStream } from '../read/events.js'
import type { TraceFile } from '../read/trace-file.js'
import { SIZES, elementOf } from '../record-layout.js'
import type { FieldSpec, RecordSpec } from '../schema.js'

const SEPARATOR = '\x1e'
const CLOCK = 'realtime'
/** babeltrace2's names of LTTng's levels. */
const NAMES_OF_LEVELS: Readonly<Record<number, string>> = {
  2: 'critical',
  3: 'error',
  4: 'warning',
  6: 'info',
  14: 'debug',
}

type Json = Readonly<Record<string, unknown>>

function unsigned(bits: number, role?: string): Json {
  const roles = role === undefined ? {} : { roles: [role] }
  return { type: 'fixed-length-unsigned-integer', length: bits, 'byte-order': 'little-endian', ...roles }
}

function structure(members: readonly (readonly [name: string, of: Json])[]): Json {
  const classes = members.map(([name, of]) => ({ name, 'field-class': of }))
  return { type: 'structure', 'member-classes': classes }
}

function scalar(type: string): Json {
  const bits = 8 * SIZES[type as keyof typeof SIZES]
  if (type === 'bool') return { type: 'fixed-length-boolean', length: bits, 'byte-order': 'little-endian' }
  if (type.startsWith('f') && type !== 'flow')
    return { type: 'fixed-length-floating-point-number', length: bits, 'byte-order': 'little-endian' }
  return type.startsWith('i') ? { ...unsigned(bits), type: 'fixed-length-signed-integer' } : unsigned(bits)
}

function members({ name, type, labels }: FieldSpec, taken: Set<string>): [string, Json][] {
  if (type === 'string') return [[name, { type: 'null-terminated-string' }]]
  if (type === 'enum') {
    const mappings = Object.fromEntries(labels.map((label, k) => [label, [[k, k]]]))
    return [[name, { ...unsigned(8), mappings }]]
  }
  const element = elementOf(type)
  if (element === undefined && type !== 'bytes') return [[name, scalar(type)]]
  const length = lengthName(name, taken)
  const location = { 'length-field-location': { origin: 'event-record-payload', path: [length] } }
  const of =
    element === undefined
      ? { type: 'dynamic-length-blob', ...location }
      : { type: 'dynamic-length-array', 'element-field-class': scalar(element), ...location }
  return [
    [length, unsigned(16)],
    [name, of],
  ]
}

function eventClass(trace: string, { event, phase, level, fields }: RecordSpec, id: number): Json {
  const taken = new Set(fields.map(({ name }) => name))
  const context =
    phase === 'event' ? {} : { 'specific-context-field-class': structure([['span', unsigned(32)]]) }
  return {
    type: 'event-record-class',
    id,
    'data-stream-class-id': 0,
    name: `${trace}:${event}${phase === 'event' ? '' : `:${phase}`}`,
    attributes: { 'babeltrace.org,2020': { 'log-level': NAMES_OF_LEVELS[LOG_LEVELS[level]] } },
    ...context,
    'payload-field-class': structure(fields.flatMap((field) => members(field, taken))),
  }
}

/**
 * The text of the file.
 *
 * @param streams - what is missing of them is in the trace's environment.
 */
export function metadata2Text(
  { description }: TraceFile,
  uuid: Uint8Array,
  streams: readonly Pick<EventStream, 'cpu' | 'missing'>[],
): string {
  const { name, records } = description.spec
  const fragments: Json[] = [
    { type: 'preamble', version: 2, uuid: [...uuid] },
    {
      type: 'trace-class',
      environment: { tracer_name: 'rseq', trace_name: name, ...Object.fromEntries(missingBytes(streams)) },
      'packet-header-field-class': structure([
        ['magic', unsigned(32, 'packet-magic-number')],
        ['uuid', { type: 'static-length-blob', length: uuid.length, roles: ['metadata-stream-uuid'] }],
        ['stream_id', unsigned(32, 'data-stream-class-id')],
        ['stream_instance_id', unsigned(64, 'data-stream-id')],
      ]),
    },
    {
      type: 'clock-class',
      id: CLOCK,
      description: 'Nanoseconds since 1970',
      frequency: 1_000_000_000,
      origin: 'unix-epoch',
    },
    {
      type: 'data-stream-class',
      id: 0,
      'default-clock-class-id': CLOCK,
      'packet-context-field-class': structure([
        ['timestamp_begin', unsigned(64, 'default-clock-timestamp')],
        ['timestamp_end', unsigned(64, 'packet-end-default-clock-timestamp')],
        ['content_size', unsigned(64, 'packet-content-length')],
        ['packet_size', unsigned(64, 'packet-total-length')],
        ['packet_seq_num', unsigned(64, 'packet-sequence-number')],
        ['events_discarded', unsigned(64, 'discarded-event-record-counter-snapshot')],
        ['cpu_id', unsigned(32)],
      ]),
      'event-record-header-field-class': structure([
        ['id', unsigned(16, 'event-record-class-id')],
        ['timestamp', unsigned(64, 'default-clock-timestamp')],
      ]),
      'event-record-common-context-field-class': structure([
        ['pid', unsigned(32)],
        ['tid', unsigned(32)],
        ['misfit', unsigned(8)],
        ['cut', unsigned(8)],
      ]),
    },
    ...records.map((record, id) => eventClass(name, record, id)),
  ]
  return fragments.map((fragment) => `${SEPARATOR}${JSON.stringify(fragment)}\n`).join('')
}
