/**
 * The memory beside a trace's ring: the events' definition, by which the ring can be read after a crash, and a switch for each
 * event. In a service it is a file of the kind `events`.
 *
 *     bytes 0 to 3    the magic number
 *     bytes 4 to 7    the version of this layout
 *     bytes 8 to 11   the number of switches, one for each kind of records
 *     bytes 12 to 15  the number of bytes of the definition
 *     bytes 16 to 23  the first 8 bytes of the definition's SHA-256
 *     bytes 64 …      the switches, 4 bytes each: 0 if the event is off, 1 if it is on, n if one of n is recorded
 *     …               the definition, in JSON, from a multiple of 8 on
 *
 * Nothing but the switches changes. Any process may change them by a store of 4 bytes.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { type PolicyName, LEAST_RING, MOST_RING, POLICIES, TRACE_MAGIC } from '../core/layout.js'
import { checkChoice, checkInteger } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { checkName } from '../shared/names.js'
import { LEVELS, MOST_EVENTS, checkSchema, schemaOf } from './check-schema.js'
import type { Level, RecordSpec, TraceSpec } from './schema.js'

const VERSION = 1
export const HEAD_BYTES = 64
const At = { magic: 0, version: 4, switches: 8, length: 12, check: 16 } as const
const CHECK_BYTES = 8
export const SWITCH_BYTES = 4
/** The longest definition that is read. */
const MOST_BYTES = 2 ** 22
/** The most in "1 in n". */
export const MOST_SAMPLING = 2 ** 31 - 1

/** What the events' memory says. */
export interface TraceDescription {
  readonly spec: TraceSpec
  /** The name of the ring in its service; empty for a trace in the memory of one process. */
  readonly ring: string
  readonly bytesPerCpu: number
  readonly policy: PolicyName
}

/** Whether an event is on when its trace is made. */
export function isOnAtFirst({ level }: RecordSpec): boolean {
  return level !== 'debug'
}

/** Whether events of a level are included by a bound. */
export function isAtLeast(level: Level, bound: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(bound)
}

function digestOf(text: Uint8Array): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, CHECK_BYTES)
}

/** The text that stands for a description. Equal descriptions have equal texts. */
export function textOf({ spec, ring, bytesPerCpu, policy }: TraceDescription): string {
  return JSON.stringify({ name: spec.name, ring, bytesPerCpu, policy, events: schemaOf(spec) })
}

/** @throws TypeError, RangeError, SyntaxError if the text does not stand for a description. */
function parse(text: string): TraceDescription {
  const given = checkOptions('definition', JSON.parse(text) as Readonly<Record<string, unknown>>, [
    ...['name', 'ring', 'bytesPerCpu', 'policy', 'events'],
  ])
  return {
    spec: checkSchema(given['name'], given['events'] as Parameters<typeof checkSchema>[1]),
    ring: given['ring'] === '' ? '' : checkName('ring', given['ring']),
    bytesPerCpu: checkInteger('bytesPerCpu', given['bytesPerCpu'], LEAST_RING, MOST_RING),
    policy: checkChoice('policy', given['policy'], POLICIES),
  }
}

function textAt(switches: number): number {
  return Math.ceil((HEAD_BYTES + SWITCH_BYTES * switches) / 8) * 8
}

/** Bytes of the memory of a description. */
export function memoryBytes(description: TraceDescription): number {
  return textAt(description.spec.records.length) + Buffer.byteLength(textOf(description))
}

/** Writes the memory of a new trace into zeroed bytes. */
export function formatMemory(buffer: SharedArrayBuffer, description: TraceDescription): void {
  const { records } = description.spec
  const bytes = new Uint8Array(buffer)
  const text = Buffer.from(textOf(description))
  const view = new DataView(buffer)
  bytes.set(text, textAt(records.length))
  bytes.set(digestOf(text), At.check)
  records.forEach((record, k) => {
    view.setUint32(HEAD_BYTES + SWITCH_BYTES * k, isOnAtFirst(record) ? 1 : 0, true)
  })
  view.setUint32(At.version, VERSION, true)
  view.setUint32(At.switches, records.length, true)
  view.setUint32(At.length, text.length, true)
  view.setUint32(At.magic, TRACE_MAGIC, true)
}

/** The switches of a trace, in memory. */
export function switchesOf(buffer: SharedArrayBuffer, spec: TraceSpec): Uint32Array {
  return new Uint32Array(buffer, HEAD_BYTES, spec.records.length)
}

/** Why bytes are no events' memory, to follow their name. */
export class BadEvents extends Error {}

/**
 * Reads the memory of a trace.
 *
 * @param size - the bytes that there are.
 * @param read - returns a copy of some bytes.
 * @throws BadEvents if it is none, or was overwritten.
 */
export function readMemory(
  size: number,
  read: (at: number, length: number) => Uint8Array,
): { description: TraceDescription; switches: Uint32Array } {
  if (size < HEAD_BYTES) throw new BadEvents(`is too short for the events of a trace (${size} bytes)`)
  const head = Buffer.from(read(0, HEAD_BYTES))
  if (head.readUInt32LE(At.magic) !== TRACE_MAGIC) {
    throw new BadEvents('does not hold the events of a trace (it does not begin with the magic number)')
  }
  const version = head.readUInt32LE(At.version)
  if (version !== VERSION) {
    throw new BadEvents(
      `was made by version ${version} of a trace's layout; this release of rseq reads ${VERSION}`,
    )
  }
  const [count, length] = [head.readUInt32LE(At.switches), head.readUInt32LE(At.length)]
  if (count > 2 * MOST_EVENTS || length > MOST_BYTES || textAt(count) + length > size)
    throw new BadEvents('has a head that does not fit its size: it was overwritten or truncated')
  const text = Buffer.from(read(textAt(count), length))
  if (!digestOf(text).equals(head.subarray(At.check, At.check + CHECK_BYTES)))
    throw new BadEvents('has a definition that does not fit its check: it was overwritten')
  let description: TraceDescription
  try {
    description = parse(text.toString('utf8'))
  } catch (error) {
    throw new BadEvents(`has a definition that is not accepted: ${(error as Error).message}`)
  }
  if (description.spec.records.length !== count)
    throw new BadEvents('has another number of events than switches')
  const words = Buffer.from(read(HEAD_BYTES, SWITCH_BYTES * count))
  return {
    description,
    switches: Uint32Array.from({ length: count }, (_, k) => words.readUInt32LE(SWITCH_BYTES * k)),
  }
}
