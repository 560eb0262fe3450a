/**
 * The memory beside a trace's ring: the events' definition, by which the ring can be read after a crash, and a switch for each
 * event. In a service it is a file of the kind `events`.
 *
 *     bytes 0 to 3    the magic number
 *     bytes 4 to 7    the version of this layout
 *     bytes 8 to 11   the number of switches, one for each kind of records
 *     bytes 12 to 15  the number of bytes of the definition
 *     bytes 16 to 23  the first 8 bytes of the definition's SHA-256
 *     bytes 64 …      the switches, 4 bytes each: see controls.ts
 *     …               the definition, in JSON, from a multiple of 8 on
 *     …               a block for each kind of records, from a multiple of 8 on: see controls.ts
 *     …               RATE_WORDS words of 4 bytes for each kind of records, which count those of this second on each CPU
 *
 * Nothing but the switches, the blocks and the words of the rates changes. Any process may change them.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { type PolicyName, LEAST_RING, MOST_RING, POLICIES, TRACE_MAGIC } from '../core/layout.js'
import { checkChoice, checkInteger } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { checkName } from '../shared/names.js'
import { LEVELS, MOST_EVENTS, checkSchema, contextsOf, schemaOf } from './check-schema.js'
import {
  CONTROL_AT,
  CONTROL_BYTES,
  type Control,
  RATE_WORDS,
  decodeControl,
  definitionHashes,
  encodeControl,
} from './controls.js'
import type { EventsSchema, Fields, Level, RecordSpec, TraceSpec } from './schema.js'

const VERSION = 2
const HEAD_BYTES = 64
const At = { magic: 0, version: 4, switches: 8, length: 12, check: 16 } as const
const CHECK_BYTES = 8
const SWITCH_BYTES = 4
const RATE_BYTES = 4 * RATE_WORDS
/** The longest definition that is read. */
const MOST_BYTES = 2 ** 22

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
  const contexts = spec.contexts.length === 0 ? {} : { contexts: contextsOf(spec) }
  return JSON.stringify({ name: spec.name, ring, bytesPerCpu, policy, ...contexts, events: schemaOf(spec) })
}

/** @throws TypeError, RangeError, SyntaxError if the text does not stand for a description. */
function parse(text: string): TraceDescription {
  const given = checkOptions('definition', JSON.parse(text) as Readonly<Record<string, unknown>>, [
    ...['name', 'ring', 'bytesPerCpu', 'policy', 'contexts', 'events'],
  ])
  return {
    spec: checkSchema(
      given['name'],
      given['events'] as EventsSchema,
      given['contexts'] as Fields | undefined,
    ),
    ring: given['ring'] === '' ? '' : checkName('ring', given['ring']),
    bytesPerCpu: checkInteger('bytesPerCpu', given['bytesPerCpu'], LEAST_RING, MOST_RING),
    policy: checkChoice('policy', given['policy'], POLICIES),
  }
}

function multipleOf8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

function textAt(switches: number): number {
  return multipleOf8(HEAD_BYTES + SWITCH_BYTES * switches)
}

/** Where the parts of a memory are behind its definition. */
interface Parts {
  /** Where the block of a kind of records is. */
  readonly controlAt: (id: number) => number
  /** Where the words of its rates are. */
  readonly rateAt: (id: number) => number
  /** Bytes of the memory. */
  readonly size: number
}

function partsOf(switches: number, textBytes: number): Parts {
  const controls = multipleOf8(textAt(switches) + textBytes)
  const rates = controls + CONTROL_BYTES * switches
  return {
    controlAt: (id) => controls + CONTROL_BYTES * id,
    rateAt: (id) => rates + RATE_BYTES * id,
    size: rates + RATE_BYTES * switches,
  }
}

function partsFor(description: TraceDescription): Parts {
  return partsOf(description.spec.records.length, Buffer.byteLength(textOf(description)))
}

/** Bytes of the memory of a description. */
export function memoryBytes(description: TraceDescription): number {
  return partsFor(description).size
}

/** Writes the memory of a new trace into zeroed bytes. */
export function formatMemory(buffer: SharedArrayBuffer, description: TraceDescription): void {
  const { records } = description.spec
  const bytes = new Uint8Array(buffer)
  const text = Buffer.from(textOf(description))
  const view = new DataView(buffer)
  const { controlAt } = partsOf(records.length, text.length)
  bytes.set(text, textAt(records.length))
  bytes.set(digestOf(text), At.check)
  records.forEach((record, k) => {
    view.setUint32(HEAD_BYTES + SWITCH_BYTES * k, isOnAtFirst(record) ? 1 : 0, true)
    definitionHashes(record).forEach((hash, half) => {
      view.setUint32(controlAt(k) + 4 * half, hash, true)
    })
  })
  view.setUint32(At.version, VERSION, true)
  view.setUint32(At.switches, records.length, true)
  view.setUint32(At.length, text.length, true)
  view.setUint32(At.magic, TRACE_MAGIC, true)
}

/** The switches of a trace, in memory. */
function switchesOf(buffer: SharedArrayBuffer, spec: TraceSpec): Uint32Array {
  return new Uint32Array(buffer, HEAD_BYTES, spec.records.length)
}

/** The switches and the blocks of an open trace. */
export interface OpenControls {
  readonly switches: Uint32Array
  /** Reads when a kind of records is recorded; undefined if its block is damaged or is being written. */
  readonly controlOf: (id: number) => Control | undefined
  /** Says when a kind of records is recorded, in all threads and processes. */
  readonly set: (id: number, control: Control) => void
  /** The words that count the records of this second. */
  readonly rateWords: (id: number) => Uint32Array
}

export function controlsOf(buffer: SharedArrayBuffer, description: TraceDescription): OpenControls {
  const { spec } = description
  const switches = switchesOf(buffer, spec)
  const { controlAt, rateAt } = partsFor(description)
  return {
    switches,
    controlOf: (id) =>
      decodeControl(
        switches[id] as number,
        () => new Uint8Array(buffer, controlAt(id), CONTROL_BYTES).slice(),
        spec.records[id]?.fields.length ?? 0,
      ),
    set(id, control) {
      const { word, block } = encodeControl(control)
      if (block !== undefined) new Uint8Array(buffer).set(block, controlAt(id) + CONTROL_AT)
      Atomics.store(switches, id, word)
    },
    rateWords: (id) => new Uint32Array(buffer, rateAt(id), RATE_WORDS),
  }
}

/** As {@link OpenControls.set}, into a file by its writes. */
export function writeControl(
  description: TraceDescription,
  id: number,
  control: Control,
  write: (at: number, bytes: Uint8Array) => void,
): void {
  const { word, block } = encodeControl(control)
  if (block !== undefined) write(partsFor(description).controlAt(id) + CONTROL_AT, block)
  const bytes = Buffer.alloc(SWITCH_BYTES)
  bytes.writeUInt32LE(word)
  write(HEAD_BYTES + SWITCH_BYTES * id, bytes)
}

/** Why bytes are no events' memory, to follow their name. */
export class BadEvents extends Error {}

/**
 * Reads the memory of a trace.
 *
 * @param size - the bytes that there are.
 * @param read - returns a copy of some bytes.
 * @returns the description, and for each kind of records when it is recorded: undefined if its block is damaged.
 * @throws BadEvents if it is none, or was overwritten.
 */
export function readMemory(
  size: number,
  read: (at: number, length: number) => Uint8Array,
): { description: TraceDescription; controls: readonly (Control | undefined)[] } {
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
  if (count > 2 * MOST_EVENTS || length > MOST_BYTES || partsOf(count, length).size > size)
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
  const { controlAt } = partsOf(count, length)
  const controls = description.spec.records.map(({ fields }, k) =>
    decodeControl(
      words.readUInt32LE(SWITCH_BYTES * k),
      () => read(controlAt(k), CONTROL_BYTES),
      fields.length,
    ),
  )
  return { description, controls }
}
