/**
 * The file `metadata` of a trace in the Common Trace Format, version 1.8: it describes the events in the format's own language.
 *
 * @module
 */
import { elementOf } from '../record-layout.js'
import type { BigintType, FieldSpec, NumberType, RecordSpec } from '../schema.js'
import type { EventStream } from '../read/events.js'
import type { TraceFile } from '../read/trace-file.js'
import { missingBytes } from './streams.js'

/** LTTng's numbers of the levels. */
export const LOG_LEVELS = { critical: 2, error: 3, warning: 4, info: 6, debug: 14 } as const

const TYPES: Readonly<Record<NumberType | BigintType | 'bool' | 'flow', string>> = {
  ...{ u8: 'uint8_t', u16: 'uint16_t', u32: 'uint32_t', u64: 'uint64_t' },
  ...{ i8: 'int8_t', i16: 'int16_t', i32: 'int32_t', i64: 'int64_t' },
  ...{ f32: 'float', f64: 'double', bool: 'uint8_t', flow: 'uint64_t' },
}

/** A text of the format's language. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** The name of a field's length: one that no field has. It is added to `taken`. */
export function lengthName(name: string, taken: Set<string>): string {
  let free = `length_of_${name}`
  while (taken.has(free)) free += '_'
  taken.add(free)
  return free
}

/**
 * The declaration of a field. Names begin with an underscore, which readers leave out, so that none is a word of the language.
 *
 * @param taken - the names that readers see in the event.
 */
function declaration({ name, type, labels }: FieldSpec, taken: Set<string>): string {
  if (type === 'string') return `string _${name};`
  if (type === 'enum') {
    const values = labels.map((label, k) => `${quoted(label)} = ${k}`).join(', ')
    return `enum : uint8_t { ${values} } _${name};`
  }
  const element = type === 'bytes' ? 'u8' : elementOf(type)
  if (element === undefined) return `${TYPES[type as keyof typeof TYPES]} _${name};`
  const length = lengthName(name, taken)
  return `uint16_t ${length}; ${TYPES[element]} _${name}[${length}];`
}

function eventText(trace: string, { event, phase, level, fields }: RecordSpec, id: number): string {
  const name = `${trace}:${event}${phase === 'event' ? '' : `:${phase}`}`
  const context = phase === 'event' ? '' : '  context := struct { uint32_t span; };\n'
  const taken = new Set(fields.map((field) => field.name))
  const declared = fields.map((field) => ` ${declaration(field, taken)}`).join('')
  return (
    `event {\n  id = ${id};\n  name = ${quoted(name)};\n  stream_id = 0;\n  loglevel = ${LOG_LEVELS[level]};\n` +
    `${context}  fields := struct {${declared} };\n};\n`
  )
}

function integerTypes(): string {
  return [8, 16, 32, 64]
    .flatMap((size) =>
      [false, true].map((signed) => {
        const name = `${signed ? '' : 'u'}int${size}_t`
        return `typealias integer { size = ${size}; align = 8; signed = ${signed}; } := ${name};\n`
      }),
    )
    .join('')
}

/**
 * The text of the file.
 *
 * @param uuid - with hyphens.
 * @param streams - the streams that are written, of which the text says what is missing: it is known when all events are written.
 */
export function metadataText(
  { description }: TraceFile,
  uuid: string,
  streams: readonly Pick<EventStream, 'cpu' | 'missing'>[],
): string {
  const { name, records } = description.spec
  const missing = missingBytes(streams).map(([what, bytes]) => `  ${what} = ${bytes};\n`)
  return `/* CTF 1.8 */
${integerTypes()}typealias floating_point { exp_dig = 8; mant_dig = 24; align = 8; } := float;
typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := double;
trace {
  major = 1;
  minor = 8;
  uuid = "${uuid}";
  byte_order = le;
  packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; uint64_t stream_instance_id; };
};
env {
  tracer_name = "rseq";
  trace_name = ${quoted(name)};
${missing.join('')}};
clock {
  name = "realtime";
  description = "Nanoseconds since 1970";
  freq = 1000000000;
  offset_s = 0;
  offset = 0;
  absolute = true;
};
typealias integer { size = 64; align = 8; signed = false; map = clock.realtime.value; } := time_t;
stream {
  id = 0;
  packet.context := struct {
    time_t timestamp_begin; time_t timestamp_end; uint64_t content_size; uint64_t packet_size;
    uint64_t packet_seq_num; uint64_t events_discarded; uint32_t cpu_id;
  };
  event.header := struct { uint16_t id; time_t timestamp; };
  event.context := struct { uint32_t pid; uint32_t tid; uint8_t misfit; uint8_t cut; };
};
${records.map((record, id) => eventText(name, record, id)).join('')}`
}
