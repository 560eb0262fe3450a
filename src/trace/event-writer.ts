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
import { MISFIT, SLOT_SHIFT, SPAN_AT, headBytes } from './record-layout.js'
import type { RecordSpec } from './schema.js'

/** Where the events of a trace go. */
export interface EventWriter {
  readonly ring: PerCpuRing
  readonly switches: Uint32Array
  readonly slot: number
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
  readonly #count: number
  readonly #needsSettling: boolean
  /** Whether the first argument can be an object that is the value of the only field. */
  readonly #takesObject: boolean
  readonly #event: string
  #hasWarned = false

  constructor({ ring, slot }: EventWriter, id: number, { event, phase, fields }: RecordSpec) {
    this.#ring = ring
    this.#target = targetOf(ring[scratchOf])
    this.#word = (id | (slot << SLOT_SHIFT)) >>> 0
    this.#head = headBytes(phase)
    this.#fields = fields.map((field) => fieldEncoder(field))
    this.#names = fields.map(({ name }) => name)
    this.#count = fields.length
    this.#needsSettling = fields.some((field) => needsSettling(field))
    const [first] = fields
    this.#takesObject = fields.length === 1 && first !== undefined && takesObjects(first.type)
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
    if (this.#needsSettling) return this.#writeAll(span, [a, b, c, d, e, f, g, h])
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

  #writeAll(span: number, given: readonly unknown[]): boolean {
    // Everything that can run code of the caller comes before the first byte.
    const values = this.#fields.map((field, k) => settled(field, given[k]))
    beginRecord()
    let at = this.#head
    for (let k = 0; k < this.#count; k++)
      at = put(this.#target, at, this.#fields[k] as FieldEncoder, values[k])
    return this.#commit(span, at)
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
  const { switches } = writer
  const encoder = new RecordEncoder(writer, id, spec)
  let calls = 0
  return (a, b, c, d, e, f, g, h) => {
    const sample = switches[id] as number
    if (sample === 0) return false
    if (sample > 1 && ++calls % sample !== 0) return false
    return encoder.write(0, a, b, c, d, e, f, g, h)
  }
}

/** The end of a span that was not begun, as its event was off. */
const endNothing: Write = () => false

/** Makes the function that records the beginning of a span and returns the one that records its end. */
export function makeSpan(
  writer: EventWriter,
  id: number,
  begin: RecordSpec,
  end: RecordSpec,
): (...values: Parameters<Write>) => Write {
  const { switches } = writer
  const beginning = new RecordEncoder(writer, id, begin)
  const ending = new RecordEncoder(writer, id + 1, end)
  let calls = 0
  return (a, b, c, d, e, f, g, h) => {
    const sample = switches[id] as number
    if (sample === 0) return endNothing
    if (sample > 1 && ++calls % sample !== 0) return endNothing
    const span = (lastSpan = (lastSpan + 1) >>> 0)
    beginning.write(span, a, b, c, d, e, f, g, h)
    let isOpen = true
    return (i, j, k, l, m, n, o, p) => {
      if (!isOpen) return false
      isOpen = false
      return ending.write(span, i, j, k, l, m, n, o, p)
    }
  }
}
