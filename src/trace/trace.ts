import { Described, inspected, describe, type Inspection, summary } from '../core/describe.js'
import { checkChoice, checkInteger, rangeError, typeError } from '../core/errors.js'
import { LEAST_RING, MOST_RING, POLICIES, type PolicyName, longestRecord } from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { SLOTS } from '../core/service-files.js'
import type { RingRecord } from '../ring/ring-record.js'
import { PerCpuRing } from '../ring/ring.js'
import { checkOpen } from '../runtime/disposal.js'
import { SharedDirectory } from '../shared/shared-directory.js'
import { types } from 'node:util'
import { checkSchema } from './check-schema.js'
import { decode } from './decoder.js'
import { type EventWriter, makeEvent, makeSpan } from './event-writer.js'
import {
  BadEvents,
  type TraceDescription,
  type OpenControls,
  controlsOf,
  formatMemory,
  memoryBytes,
  readMemory,
  textOf,
} from './events-memory.js'
import { TraceEvent } from './trace-event.js'
import { mostBytes } from './record-layout.js'
import type {
  EventOptions,
  EventsSchema,
  FieldValue,
  FieldValues,
  Fields,
  SpanOptions,
  TraceSpec,
} from './schema.js'
import { openInService } from './service-memory.js'
import {
  type EnableOptions,
  type Wanted,
  changesOf,
  checkPattern,
  checkWanted,
  stateText,
  wantedOff,
} from './switches.js'
import { type CheckedContexts, type Contexts, checkContexts, contextValues } from './contexts.js'

/** The values of fields as arguments, in the order of the fields. */
type InOrder<Of extends Fields> = readonly FieldValue<Of[keyof Of]>[]

/**
 * Records an event: by an object with a value for each field, or by the values in the order of the fields, which is faster. It
 * does nothing if the event is off. Never throws for a value: one that does not fit its field is changed to the nearest that
 * does, or to 0 or nothing, and the record is marked ({@link TraceEvent.misfit}). Returns true if the event was recorded.
 */
export interface EventCall<Of extends Fields> {
  /** Records an event by the values of its fields, by their names. */
  (values: FieldValues<Of>): boolean
  /** Records an event by the values of its fields, in their order. */
  (...values: InOrder<Of>): boolean
}

/** Records the beginning of a span, as {@link EventCall} does. Returns the function that records its end, in the same thread. */
export interface SpanCall<Of extends Fields, End extends Fields> {
  /** Records the beginning by the values of its fields, by their names. */
  (values: FieldValues<Of>): EventCall<End>
  /** Records the beginning by the values of its fields, in their order. */
  (...values: InOrder<Of>): EventCall<End>
}

/** The fields that an event has; never if it has none. */
type FieldsOr<Given> = Given extends Fields ? Given : never

/** The method of a trace for an event of its schema. */
export type EventMethod<Event extends EventOptions | SpanOptions> = Event extends SpanOptions
  ? SpanCall<FieldsOr<Event['fields']>, FieldsOr<Event['end']>>
  : EventCall<FieldsOr<Event['fields']>>

/** A trace that is open in this thread: a method for each event, and the members of {@link TraceCore}. */
export type Trace<Schema extends EventsSchema> = TraceCore & {
  readonly [Name in keyof Schema]: EventMethod<Schema[Name]>
}

/** The memory of a trace, for `workerData` or a message to a Worker. */
export interface TraceMemory {
  /** The ring of the records. */
  readonly ring: SharedArrayBuffer
  /** The definition of the events, and their switches. */
  readonly events: SharedArrayBuffer
  /** The slot of this process in the service; 0 for a trace in memory of this process. */
  readonly slot: number
}

/** Options of a new trace. */
export interface TraceOptions {
  /** The bytes of each CPU's ring, 256 to 2**30; rounded up to a power of two. By default 1 MiB. */
  bytesPerCpu?: number
  /**
   * What a full ring does: `overwrite` (the default) replaces the oldest events, which makes the trace a flight recorder;
   * `discard` drops new events and counts them, until somebody drains the trace.
   */
  policy?: PolicyName
}

/** An event as {@link TraceCore.events} shows it. */
export interface ListedEvent {
  /** The name of the event. */
  readonly event: string
  /** Its level. */
  readonly level: string
  /** Whether it has a beginning and an end. */
  readonly isSpan: boolean
  /** 0 if the event is off, 1 if it is on, n if one of n is recorded in each thread. */
  readonly sample: number
  /** `off`, `on`, or which events are recorded, such as `bytes > 1000, 1 in 100`; `damaged`: none, as something has overwritten it. */
  readonly state: string
}

const DEFAULT_BYTES = 2 ** 20

/** What is open of a trace in this thread. */
interface Opened {
  readonly ring: PerCpuRing
  readonly memory: TraceMemory
  readonly spec: TraceSpec
  readonly controls: OpenControls
}

/** The members that every trace has. */
export class TraceCore extends Described {
  /** The memory of the trace. Send it to a Worker, which opens it by {@link TraceDefinition.from}. */
  readonly memory: TraceMemory
  readonly #ring: PerCpuRing
  readonly #spec: TraceSpec
  readonly #controls: OpenControls
  /** The number of the first kind of records of each event. */
  readonly #ids = new Map<string, number>()

  /** @internal */
  constructor({ ring, memory, spec, controls }: Opened) {
    super()
    this.memory = memory
    this.#ring = ring
    this.#spec = spec
    this.#controls = controls
    spec.records.forEach(({ event, phase }, id) => {
      if (phase !== 'end') this.#ids.set(event, id)
    })
  }

  /**
   * Turns events on, in all threads and processes that share the trace. O(events).
   *
   * @param pattern - the name of an event, in which each `*` stands for any characters.
   * @returns how many events are on by this.
   * @throws TypeError, RangeError for a pattern or an option that is not accepted.
   */
  enable(pattern: string, options: EnableOptions = {}): number {
    return this.#set(checkWanted(pattern, options))
  }

  /** Turns events off; see {@link enable}. A span that has begun still records its end. */
  disable(pattern: string): number {
    return this.#set(wantedOff(checkPattern(pattern)))
  }

  #set(wanted: Wanted): number {
    checkOpen(this.#ring)
    const changes = changesOf(this.#spec, wanted)
    for (const { id, control } of changes) this.#controls.set(id, control)
    return changes.length
  }

  /**
   * Whether an event is on: before its values are computed, if that takes long.
   *
   * @param event - its name. False if there is no such event.
   */
  isOn(event: string): boolean {
    const id = this.#ids.get(event)
    return id !== undefined && this.#controls.switches[id] !== 0
  }

  /** Returns all events, in the order of their definition. */
  events(): ListedEvent[] {
    checkOpen(this.#ring)
    return this.#spec.records.flatMap((record, k) => {
      const { event, level, phase } = record
      if (phase === 'end') return []
      const control = this.#controls.controlOf(k)
      const state = stateText(control, record)
      return [{ event, level, isSpan: phase === 'begin', sample: control?.sample ?? 0, state }]
    })
  }

  /** How many events found no room in a trace with the policy `discard`. O(possible CPUs). */
  get dropped(): number {
    return this.#ring.dropped
  }

  /** What a full ring does with a new event. */
  get policy(): PolicyName {
    return this.#ring.policy
  }

  /**
   * Copies the youngest events of a trace with the policy `overwrite`, in the order of their times. O(CPUs × bytesPerCpu).
   *
   * @throws Error if the policy is `discard`: use {@link drain} for such a trace.
   */
  snapshot(): TraceEvent[] {
    return this.#ring.snapshot().flatMap((record) => this.#eventOf(record) ?? [])
  }

  /**
   * Takes the events of a trace with the policy `discard`, those of one CPU after the other; see {@link PerCpuRing.drain}.
   *
   * @param callback - a synchronous function that gets each event.
   * @param most - the largest number of events to take; by default no limit.
   * @returns the number of records that were taken, which includes those that something else has written over.
   * @throws the errors of {@link PerCpuRing.drain}.
   */
  drain(callback: (event: TraceEvent) => void, most = Infinity): number {
    if (typeof callback !== 'function') throw typeError('callback', 'a function', callback)
    return this.#ring.drain((record) => {
      const event = this.#eventOf(record)
      if (event !== undefined) callback(event)
    }, most)
  }

  #eventOf(record: RingRecord): TraceEvent | undefined {
    const decoded = decode(this.#spec.records, record.bytes)
    return decoded === undefined ? undefined : new TraceEvent(this.#spec.name, decoded, record)
  }

  /**
   * Closes the trace in this thread. Its events record nothing from then on; other methods throw an Error. The second call does
   * nothing.
   */
  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]()
  }

  /** @internal */
  override [summary](): object {
    return { name: this.#spec.name, policy: this.policy, dropped: this.dropped, events: this.events() }
  }
}

const RESERVED = new Set([
  ...['memory', 'constructor', '__proto__', 'then', 'toJSON', 'toString'],
  ...Object.getOwnPropertyNames(TraceCore.prototype),
])

/** @throws TypeError unless `memory` is what {@link TraceCore.memory} gives. */
function checkMemory(memory: unknown): TraceMemory {
  const expected = 'the property memory of a trace'
  if (typeof memory !== 'object' || memory === null) throw typeError('memory', expected, memory)
  const { ring, events, slot } = memory as Partial<Record<keyof TraceMemory, unknown>>
  if (!types.isSharedArrayBuffer(ring) || !types.isSharedArrayBuffer(events))
    throw typeError('memory', expected, memory)
  return { ring, events, slot: checkInteger('memory.slot', slot, 0, SLOTS) }
}

/** Options of {@link defineEvents}. */
export interface DefinitionOptions {
  /** Fields that all events have, behind their own, whose values nobody passes. */
  contexts?: Contexts
}

/** The checked events of a trace. All threads and processes that share a trace must define it by equal events. */
export class TraceDefinition<Schema extends EventsSchema> {
  readonly #spec: TraceSpec
  readonly #contexts: CheckedContexts

  /** Checks the events. @throws TypeError, RangeError that name the event and what is wrong. */
  constructor(name: string, events: Schema, options: DefinitionOptions = {}) {
    const { contexts } = checkOptions('options', options, ['contexts'])
    this.#contexts = checkContexts(contexts)
    this.#spec = checkSchema(name, events, this.#contexts.fields, RESERVED)
  }

  /** The name of the trace. */
  get name(): string {
    return this.#spec.name
  }

  /**
   * Opens the trace in memory that processes share. The first process makes it. Definitions that differ, and other options, are
   * different traces of one service, side by side.
   *
   * @param service - what `openShared` of `rseq/shared` returned.
   * @throws the errors of {@link SharedDirectory.ring}.
   */
  open(service: SharedDirectory, options?: TraceOptions): Trace<Schema>
  /**
   * Makes a new trace in the memory of this process.
   *
   * @throws TypeError, RangeError for an option that is not accepted, or if the memory is not available.
   */
  open(options?: TraceOptions): Trace<Schema>
  /** Opens a trace: see the two forms above. */
  open(first: SharedDirectory | TraceOptions = {}, second: TraceOptions = {}): Trace<Schema> {
    if (first instanceof SharedDirectory) {
      const opened = openInService(first, this.#describe(second))
      return this.#traceOf(opened, opened.description)
    }
    const description = this.#describe(first)
    const { bytesPerCpu, policy } = description
    const ring = new PerCpuRing(bytesPerCpu, { policy })
    const events = new SharedArrayBuffer(memoryBytes(description))
    formatMemory(events, description)
    return this.#traceOf({ ring, events, slot: 0 }, description)
  }

  /**
   * Opens in a Worker the trace that another thread of this process has opened.
   *
   * @param memory - its {@link TraceCore.memory}, as received by `workerData` or a message.
   * @throws TypeError if `memory` is something else; RangeError if it is of a trace with other events, or damaged.
   */
  from(memory: TraceMemory): Trace<Schema> {
    const { ring, events, slot } = checkMemory(memory)
    const bytes = new Uint8Array(events)
    let description: TraceDescription
    try {
      description = readMemory(bytes.length, (at, length) => bytes.slice(at, at + length)).description
    } catch (error) {
      if (!(error instanceof BadEvents)) throw error
      throw new RangeError(`memory: expected the memory of a trace; its events' memory ${error.message}`, {
        cause: error,
      })
    }
    if (textOf({ ...description, spec: this.#spec }) !== textOf(description)) {
      throw rangeError(
        'memory',
        `the memory of a trace with the events of this definition (${this.name})`,
        description.spec.name,
      )
    }
    return this.#traceOf({ ring: PerCpuRing.from(ring), events, slot }, description)
  }

  #describe(options: TraceOptions): TraceDescription {
    const { bytesPerCpu, policy } = checkOptions('options', options, ['bytesPerCpu', 'policy'])
    const wanted =
      bytesPerCpu === undefined
        ? DEFAULT_BYTES
        : checkInteger('bytesPerCpu', bytesPerCpu, LEAST_RING, MOST_RING)
    const capacity = 2 ** Math.ceil(Math.log2(wanted))
    const longest = Math.max(...this.#spec.records.map((record) => mostBytes(record)))
    if (longest > longestRecord(capacity)) {
      throw rangeError(
        'bytesPerCpu',
        `enough for an event of ${longest} bytes: four of them and their frames`,
        wanted,
      )
    }
    return {
      spec: this.#spec,
      ring: '',
      bytesPerCpu: capacity,
      policy: policy === undefined ? 'overwrite' : checkChoice('policy', policy, POLICIES),
    }
  }

  #traceOf(
    { ring, events, slot }: { ring: PerCpuRing; events: SharedArrayBuffer; slot: number },
    description: TraceDescription,
  ): Trace<Schema> {
    const { spec } = description
    const controls = controlsOf(events, description)
    const core = new TraceCore({ ring, spec, controls, memory: { ring: ring.buffer, events, slot } })
    const contexts = contextValues(this.#contexts.sources, spec.contexts)
    const writer: EventWriter = { ring, controls, slot, contexts }
    spec.records.forEach((record, k) => {
      const next = spec.records[k + 1]
      if (record.phase === 'end') return
      const value =
        record.phase === 'begin' && next !== undefined
          ? makeSpan(writer, k, record, next)
          : makeEvent(writer, k, record)
      Object.defineProperty(core, record.event, { value, enumerable: true })
    })
    return core as unknown as Trace<Schema>
  }

  /** Returns the names of the events and their levels, one line for each. */
  toString(): string {
    return this.toJSON().events.join('\n')
  }

  /** Returns the name of the trace, and a text for each event. */
  toJSON(): {
    /** The name of the trace. */
    name: string
    /** A text for each event, such as `request (info): url, bytes, ms`. */
    events: string[]
  } {
    const events = this.#spec.records.map(({ event, phase, level, fields }) => {
      const names = fields.map(({ name }) => name).join(', ')
      return `${event}${phase === 'event' ? '' : ` ${phase}`} (${level})${names === '' ? '' : `: ${names}`}`
    })
    return { name: this.name, events }
  }

  /** @internal */
  [inspected](depth: number, options: Inspection): string {
    return describe('TraceDefinition', () => this.toJSON(), depth, options)
  }
}

/**
 * Defines the events of a trace.
 *
 * @param name - 1 to 80 letters, digits, `_`, `-` and single dots between them.
 * @param events - for each event, its fields and its level.
 * @param options - fields that all events have.
 * @throws TypeError, RangeError that name the event and what is wrong.
 * @example
 * ```ts
 * const events = defineEvents('shop', {
 *   request: { fields: { url: 'string', bytes: 'u32', ms: 'f64' } },
 *   query: { kind: 'span', fields: { table: 'string' }, end: { rows: 'u32' } },
 * })
 * const trace = events.open()
 * trace.request('/cart', 512, 3.5)
 * const end = trace.query('users')
 * end(7)
 * console.log(trace.snapshot())
 * ```
 */
export function defineEvents<const Schema extends EventsSchema>(
  name: string,
  events: Schema,
  options: DefinitionOptions = {},
): TraceDefinition<Schema> {
  return new TraceDefinition(name, events, options)
}
