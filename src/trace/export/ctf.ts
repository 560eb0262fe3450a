/**
 * The Common Trace Format, version 1.8, which babeltrace2 and Trace Compass read. A trace is a directory with the file `metadata`,
 * which describes the events in the format's own language, and one file for each CPU, which has packets of at most 64 KiB.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DecodedField } from '../decoder.js'
import { SIZES, elementOf } from '../record-layout.js'
import type { BigintType, FieldSpec, NumberType, RecordSpec } from '../schema.js'
import type { EventStream, ReadEvent, Streams } from './events.js'
import { type TraceFile, titleOf } from './trace-file.js'
import { CUT_MARK } from './values.js'

const MAGIC = 0xc1fc1fc1
const PACKET_BYTES = 2 ** 16
const UUID_BYTES = 16
const NO_CPU = 0xffffffff
/** LTTng's numbers of the levels. */
const LOG_LEVELS = { critical: 2, error: 3, warning: 4, info: 6, debug: 14 } as const

const TYPES: Readonly<Record<NumberType | BigintType | 'bool', string>> = {
  ...{ u8: 'uint8_t', u16: 'uint16_t', u32: 'uint32_t', u64: 'uint64_t' },
  ...{ i8: 'int8_t', i16: 'int16_t', i32: 'int32_t', i64: 'int64_t' },
  ...{ f32: 'float', f64: 'double', bool: 'uint8_t' },
}

/** A text of the format's language. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** The name of a field's length: one that no field has. It is added to `taken`. */
function lengthName(name: string, taken: Set<string>): string {
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

/** The file `metadata`. The numbers of what is missing are known when all events are written. */
function metadataText({ description }: TraceFile, uuid: string, streams: readonly EventStream[]): string {
  const { name, records } = description.spec
  const missing = streams.flatMap(({ cpu, missing: { overwrittenBytes, damagedBytes } }) => {
    const of = cpu === null ? 'overflow' : `cpu_${cpu}`
    return [
      overwrittenBytes > 0 ? `  overwritten_bytes_${of} = ${overwrittenBytes};\n` : '',
      damagedBytes > 0 ? `  damaged_bytes_${of} = ${damagedBytes};\n` : '',
    ]
  })
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

const HEADER_BYTES = 4 + UUID_BYTES + 4 + 8
const CONTEXT_BYTES = 6 * 8 + 4
/** Bytes of an event before its fields, with a span's number. */
const EVENT_BYTES = 2 + 8 + 4 + 4 + 1 + 1 + 4

/** Writes one file of packets. */
class PacketFile {
  readonly #file: FileHandle
  readonly #packet = Buffer.alloc(PACKET_BYTES)
  readonly #uuid: Buffer
  readonly #instance: number
  #at = HEADER_BYTES + CONTEXT_BYTES
  #packets = 0
  #cpu: number
  #begin = 0n
  #end = 0n
  #isEmpty = true

  constructor(file: FileHandle, uuid: Buffer, instance: number, cpu: number) {
    this.#file = file
    this.#uuid = uuid
    this.#instance = instance
    this.#cpu = cpu
  }

  /** Whether the next event needs {@link flush} before it. */
  isFullFor(event: ReadEvent): boolean {
    return !this.#isEmpty && (this.#at + sizeOf(event) > PACKET_BYTES || event.cpu !== this.#cpu)
  }

  /** Writes an event into the packet. */
  add(event: ReadEvent): void {
    const { id, time, pid, thread, isMisfit, fields, spec, span } = event
    const packet = this.#packet
    if (this.#isEmpty) {
      this.#begin = time
      this.#cpu = event.cpu
    }
    this.#isEmpty = false
    this.#end = time
    let at = packet.writeUInt16LE(id, this.#at)
    at = packet.writeBigUInt64LE(BigInt.asUintN(64, time), at)
    at = packet.writeUInt32LE(pid, at)
    at = packet.writeUInt32LE(thread, at)
    at = packet.writeUInt8(isMisfit ? 1 : 0, at)
    at = packet.writeUInt8(
      fields.reduce((bits, { isCut }, k) => (isCut ? bits | (1 << k) : bits), 0),
      at,
    )
    if (spec.phase !== 'event') at = packet.writeUInt32LE(span, at)
    for (const field of fields) at = writeField(packet, at, field)
    this.#at = at
  }

  /** Writes the packet to the file and begins another one. `discarded` counts all that were discarded up to its end. */
  async flush(discarded: number): Promise<void> {
    const packet = this.#packet
    const bits = BigInt(8 * this.#at)
    let at = packet.writeUInt32LE(MAGIC, 0)
    at += this.#uuid.copy(packet, at)
    at = packet.writeUInt32LE(0, at)
    at = packet.writeBigUInt64LE(BigInt(this.#instance), at)
    for (const word of [this.#begin, this.#end, bits, bits, BigInt(this.#packets), BigInt(discarded)])
      at = packet.writeBigUInt64LE(BigInt.asUintN(64, word), at)
    packet.writeUInt32LE(this.#cpu, at)
    await this.#file.writeFile(packet.subarray(0, this.#at))
    this.#packets++
    this.#at = HEADER_BYTES + CONTEXT_BYTES
    this.#begin = this.#end
    this.#isEmpty = true
  }

  /**
   * Ends the file. Readers find out about discarded events by a number that is higher than that of the packet before, so a packet
   * without events follows, which has that number.
   */
  async end(discarded: number): Promise<void> {
    if (!this.#isEmpty || (this.#packets === 0 && discarded > 0)) await this.flush(0)
    if (discarded > 0) await this.flush(discarded)
  }
}

/** The most bytes that an event takes in a packet. */
function sizeOf({ fields }: ReadEvent): number {
  return fields.reduce((sum, field) => sum + fieldSize(field), EVENT_BYTES)
}

/** A text as the format can have it: its strings end at the first zero. */
function textOf({ value, isCut }: DecodedField): string {
  return (value as string).replaceAll('\0', '\ufffd') + (isCut ? CUT_MARK : '')
}

function fieldSize(field: DecodedField): number {
  const { value } = field
  const { type } = field.spec
  if (type === 'string') return Buffer.byteLength(textOf(field)) + 1
  const element = elementOf(type)
  if (element !== undefined) return 2 + SIZES[element] * (value as readonly unknown[]).length
  return type === 'bytes' ? 2 + (value as Uint8Array).length : SIZES[type as keyof typeof SIZES]
}

function writeField(packet: Buffer, begin: number, field: DecodedField): number {
  const { value } = field
  const { type, labels } = field.spec
  if (type === 'string') return packet.writeUInt8(0, begin + packet.write(textOf(field), begin))
  if (type === 'enum') return packet.writeUInt8(labels.indexOf(value as string), begin)
  if (type === 'bool') return packet.writeUInt8(value === true ? 1 : 0, begin)
  if (type === 'bytes') {
    const bytes = value as Uint8Array
    const at = packet.writeUInt16LE(bytes.length, begin)
    packet.set(bytes, at)
    return at + bytes.length
  }
  const element = elementOf(type)
  if (element === undefined) return writeNumber(packet, begin, type as NumberType, value as number | bigint)
  const elements = value as readonly (number | bigint)[]
  let at = packet.writeUInt16LE(elements.length, begin)
  for (const one of elements) at = writeNumber(packet, at, element, one)
  return at
}

function writeNumber(
  packet: Buffer,
  at: number,
  type: NumberType | BigintType,
  value: number | bigint,
): number {
  switch (type) {
    case 'u64':
      return packet.writeBigUInt64LE(value as bigint, at)
    case 'i64':
      return packet.writeBigInt64LE(value as bigint, at)
    case 'f64':
      return packet.writeDoubleLE(value as number, at)
    case 'f32':
      return packet.writeFloatLE(value as number, at)
    case 'u8':
    case 'u16':
    case 'u32':
      return packet.writeUIntLE(value as number, at, SIZES[type])
    default:
      return packet.writeIntLE(value as number, at, SIZES[type])
  }
}

async function writeStream(
  path: string,
  uuid: Buffer,
  instance: number,
  stream: EventStream,
): Promise<number> {
  const { cpu, events, missing } = stream
  const file = await open(path, 'wx')
  let count = 0
  try {
    const packets = new PacketFile(file, uuid, instance, cpu ?? NO_CPU)
    for (const event of events) {
      if (packets.isFullFor(event)) await packets.flush(0)
      packets.add(event)
      count++
    }
    await packets.end(missing.discarded)
  } finally {
    await file.close()
  }
  return count
}

/**
 * Writes a directory with one trace in CTF for each trace of a service. Returns the number of events.
 *
 * @throws Error if the directory exists or cannot be made.
 */
export async function writeCtf(streams: Streams, out: string): Promise<number> {
  await mkdir(out)
  let count = 0
  for (const trace of new Set(streams.streams.map((stream) => stream.trace))) {
    const directory = join(out, titleOf(trace))
    const uuid = randomBytes(UUID_BYTES)
    const own = streams.streams.filter((stream) => stream.trace === trace)
    await mkdir(directory)
    for (const [k, stream] of own.entries()) {
      const name = stream.cpu === null ? 'overflow' : `cpu_${stream.cpu}`
      count += await writeStream(join(directory, name), uuid, k, stream)
    }
    const hex = uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    await writeFile(join(directory, 'metadata'), metadataText(trace, hex, own), { flag: 'wx' })
  }
  return count
}
