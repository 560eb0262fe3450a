/**
 * The functions that record events: one for each event of an open trace. They are all instances of the same few functions, so that
 * V8 optimizes them together, and none of them is generated.
 *
 * @module
 */
import { types } from 'node:util'
import { scratchOf, writeScratch, type PerCpuRing } from '../ring/ring.js'
import {
  type FieldEncoder,
  type Target,
  beginRecord,
  fieldEncoder,
  needsSettling,
  put,
  sawMisfit,
  settled,
  takesObjects,
  targetOf,
} from './encoder.js'
import type { OpenControls } from './events-memory.js'
import { Gate } from './gate.js'
import { MISFIT, SLOT_SHIFT, SPAN_AT, headBytes } from './record-layout.js'
import type { RecordSpec } from './schema.js'

/** Where the events of a trace go. */
export interface EventWriter {
  readonly ring: PerCpuRing
  readonly controls: OpenControls
  readonly slot: number
  /** What gives the values of the contexts, which stand behind an event's own fields. */
  readonly contexts: readonly (() => unknown)[]
}

/** The function that records an event. More arguments than fields are ignored. */
export type Write = (
  a?: unknown,
  b?: unknown,
  c?: unknown,
  d?: unknown,
  e?: unknown,
  f?: unknown,
  g?: unknown,
  h?: unknown,
) => boolean

const PID = process.pid

/** The encoder of one kind of records. */
class RecordEncoder {
  readonly #ring: PerCpuRing
  readonly #target: Target
  /** The first word of a record. */
  readonly #word: number
  readonly #head: number
  readonly #fields: readonly FieldEncoder[]
  readonly #names: readonly string[]
  /** How many fields an event has of its own. */
  readonly #count: number
  readonly #contexts: readonly (() => unknown)[]
  /** Whether an array has to be copied first, or a context to be asked. */
  readonly #needsSettling: boolean
  /** Whether the first argument can be an object that is the value of the only field. */
  readonly #takesObject: boolean
  readonly #event: string
  #hasWarned = false

  constructor({ ring, slot, contexts }: EventWriter, id: number, { event, phase, fields }: RecordSpec) {
    this.#ring = ring
    this.#target = targetOf(ring[scratchOf])
    this.#word = (id | (slot << SLOT_SHIFT)) >>> 0
    this.#head = headBytes(phase)
    this.#fields = fields.map((field) => fieldEncoder(field))
    this.#names = fields.map(({ name }) => name)
    this.#contexts = contexts
    this.#count = fields.length - contexts.length
    this.#needsSettling = contexts.length > 0 || fields.some((field) => needsSettling(field))
    const [first] = fields
    this.#takesObject = this.#count === 1 && first !== undefined && takesObjects(first.type)
    this.#event = event
  }

  /** Whether a call has given the values by name. */
  #isByName(a: unknown, b: unknown): a is Readonly<Record<string, unknown>> {
    if (typeof a !== 'object' || a === null || b !== undefined || this.#count === 0) return false
    return !(this.#takesObject && (types.isTypedArray(a) || Array.isArray(a)))
  }

  /**
   * Writes a record. This function is long on purpose: V8 then calls it, and copies the short function of an event into that
   * function's callers, so that an event that is off costs no call.
   *
   * @param span - the number of the span; ignored for other events.
   */
  write(
    span: number,
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
    g: unknown,
    h: unknown,
  ): boolean {
    const fields = this.#fields
    const count = this.#count
    if (typeof a === 'object' && this.#isByName(a, b)) {
      // Each property is read once, in the order of the fields, before the first byte: this may run code of the caller.
      const values = a
      const names = this.#names
      a = values[names[0] as string]
      if (count > 1) b = values[names[1] as string]
      if (count > 2) c = values[names[2] as string]
      if (count > 3) d = values[names[3] as string]
      if (count > 4) e = values[names[4] as string]
      if (count > 5) f = values[names[5] as string]
      if (count > 6) g = values[names[6] as string]
      if (count > 7) h = values[names[7] as string]
    }
    if (this.#needsSettling) return this.writeValues(span, this.#settled([a, b, c, d, e, f, g, h]))
    beginRecord()
    const target = this.#target
    let at = this.#head
    if (count > 0) at = put(target, at, fields[0] as FieldEncoder, a)
    if (count > 1) at = put(target, at, fields[1] as FieldEncoder, b)
    if (count > 2) at = put(target, at, fields[2] as FieldEncoder, c)
    if (count > 3) at = put(target, at, fields[3] as FieldEncoder, d)
    if (count > 4) at = put(target, at, fields[4] as FieldEncoder, e)
    if (count > 5) at = put(target, at, fields[5] as FieldEncoder, f)
    if (count > 6) at = put(target, at, fields[6] as FieldEncoder, g)
    if (count > 7) at = put(target, at, fields[7] as FieldEncoder, h)
    return this.#commit(span, at)
  }

  /** Runs everything that can run code of the caller, which comes before the first byte. Returns a value for each field. */
  #settled(given: readonly unknown[]): unknown[] {
    return this.#fields.map((field, k) =>
      settled(field, k < this.#count ? given[k] : this.#contexts[k - this.#count]?.()),
    )
  }

  /** Returns a value for each field, as {@link write} takes them. */
  valuesOf(given: readonly unknown[]): unknown[] {
    const [a, b] = given
    return this.#settled(
      this.#isByName(a, b) ? this.#names.slice(0, this.#count).map((name) => a[name]) : given,
    )
  }

  /** Writes a record of what {@link valuesOf} has returned. */
  writeValues(span: number, values: readonly unknown[]): boolean {
    beginRecord()
    let at = this.#head
    for (let k = 0; k < this.#fields.length; k++)
      at = put(this.#target, at, this.#fields[k] as FieldEncoder, values[k])
    return this.#commit(span, at)
  }

  get fields(): readonly FieldEncoder[] {
    return this.#fields
  }

  #commit(span: number, length: number): boolean {
    const { view } = this.#target
    const isMisfit = sawMisfit()
    view.setUint32(0, isMisfit ? (this.#word | MISFIT) >>> 0 : this.#word, true)
    view.setUint32(4, PID, true)
    if (this.#head > SPAN_AT) view.setUint32(SPAN_AT, span, true)
    let isWritten = false
    try {
      isWritten = this.#ring[writeScratch](length)
    } catch (error) {
      this.#warn(`records nothing: ${(error as Error).message}`)
    }
    // Warnings come last: a program may have its own emitWarning(), which may record an event.
    if (isMisfit) {
      const names = this.#names.join(', ')
      this.#warn(
        `was given a value that does not fit its field (fields: ${names}); the nearest that does was recorded`,
      )
    }
    return isWritten
  }

  /** Warns once: an event that somebody turns on in a running service must not end it. */
  #warn(problem: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(`rseq: the event '${this.#event}' ${problem}`)
  }
}

/** The number of the span that this thread has begun last. */
let lastSpan = 0

/** Makes the function that records an event. Disabled, it costs one load. */
export function makeEvent(writer: EventWriter, id: number, spec: RecordSpec): Write {
  const { controls } = writer
  const { switches } = controls
  const encoder = new RecordEncoder(writer, id, spec)
  const gate = new Gate(controls, id, encoder.fields)
  const writeChosen = (word: number, given: readonly unknown[]): boolean => {
    const values = encoder.valuesOf(given)
    return gate.passes(word, values) && encoder.writeValues(0, values)
  }
  return (a, b, c, d, e, f, g, h) => {
    const word = switches[id] as number
    if (word === 0) return false
    if (word !== 1) return writeChosen(word, [a, b, c, d, e, f, g, h])
    return encoder.write(0, a, b, c, d, e, f, g, h)
  }
}

/** The end of a span that was not begun, as its event was off. */
const endNothing: Write = () => false

/** Returns the number of a span that this thread begins. */
function newSpan(): number {
  return (lastSpan = (lastSpan + 1) >>> 0)
}

/** Makes the function that records the beginning of a span and returns the one that records its end. */
export function makeSpan(
  writer: EventWriter,
  id: number,
  begin: RecordSpec,
  end: RecordSpec,
): (...values: Parameters<Write>) => Write {
  const { controls } = writer
  const { switches } = controls
  const beginning = new RecordEncoder(writer, id, begin)
  const ending = new RecordEncoder(writer, id + 1, end)
  const gate = new Gate(controls, id, beginning.fields)
  const endOf = (span: number): Write => {
    let isOpen = true
    return (i, j, k, l, m, n, o, p) => {
      if (!isOpen) return false
      isOpen = false
      return ending.write(span, i, j, k, l, m, n, o, p)
    }
  }
  const beginChosen = (word: number, given: readonly unknown[]): Write => {
    const values = beginning.valuesOf(given)
    if (!gate.passes(word, values)) return endNothing
    const span = newSpan()
    beginning.writeValues(span, values)
    return endOf(span)
  }
  return (a, b, c, d, e, f, g, h) => {
    const word = switches[id] as number
    if (word === 0) return endNothing
    if (word !== 1) return beginChosen(word, [a, b, c, d, e, f, g, h])
    const span = newSpan()
    beginning.write(span, a, b, c, d, e, f, g, h)
    return endOf(span)
  }
}
