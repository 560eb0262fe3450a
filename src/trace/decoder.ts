/**
 * Reads records of a trace. Every byte may be wrong: a record that does not fit its kind is refused, and nothing is read beyond it.
 *
 * @module
 */
import {
  CUT,
  ID_MASK,
  LENGTH_BYTES,
  LENGTH_MASK,
  MISFIT,
  SIZES,
  SLOT_MASK,
  SLOT_SHIFT,
  SPAN_AT,
  elementOf,
  headBytes,
} from './record-layout.js'
import type { FieldSpec, RecordSpec } from './schema.js'

/** A value that was read. */
export type DecodedValue = number | bigint | boolean | string | Uint8Array | readonly (number | bigint)[]

/** A field's value. */
export interface DecodedField {
  readonly spec: FieldSpec
  readonly value: DecodedValue
  /** Whether more was given than the field allows. */
  readonly isCut: boolean
}

/** What a record says. */
export interface Decoded {
  readonly id: number
  readonly spec: RecordSpec
  /** The slot of the process in its service; 0 if it was in none. */
  readonly slot: number
  readonly pid: number
  /** The number of a span, which it has in common with the other record of the span on the same thread; 0 for other events. */
  readonly span: number
  /** Whether a value did not fit its field, and was changed. */
  readonly isMisfit: boolean
  readonly fields: readonly DecodedField[]
}

class Cursor {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** Returns the position of the next bytes, and moves behind them. @throws RangeError if there are fewer. */
  #take(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) throw new RangeError('the record ends before its fields')
    this.#at += count
    return at
  }

  #scalar(type: keyof typeof SIZES): number | bigint {
    const view = this.#view
    const at = this.#take(SIZES[type])
    switch (type) {
      case 'f64':
        return view.getFloat64(at, true)
      case 'f32':
        return view.getFloat32(at, true)
      case 'u64':
      case 'flow':
        return view.getBigUint64(at, true)
      case 'i64':
        return view.getBigInt64(at, true)
      case 'u32':
        return view.getUint32(at, true)
      case 'i32':
        return view.getInt32(at, true)
      case 'u16':
        return view.getUint16(at, true)
      case 'i16':
        return view.getInt16(at, true)
      case 'i8':
        return view.getInt8(at)
      case 'u8':
      case 'bool':
      case 'enum':
        return view.getUint8(at)
    }
  }

  field(spec: FieldSpec): DecodedField {
    const { type, most, labels } = spec
    if (type === 'bool') return { spec, value: this.#scalar(type) !== 0, isCut: false }
    if (type === 'enum') {
      const label = labels[Number(this.#scalar(type))]
      if (label === undefined) throw new RangeError('an enum has a number without a text')
      return { spec, value: label, isCut: false }
    }
    const element = elementOf(type)
    if (element === undefined && type !== 'string' && type !== 'bytes')
      return { spec, value: this.#scalar(type as keyof typeof SIZES), isCut: false }
    const length = this.#view.getUint16(this.#take(LENGTH_BYTES), true)
    const count = length & LENGTH_MASK
    if (count > most) throw new RangeError('a field is longer than its bound')
    const isCut = (length & CUT) !== 0
    if (element !== undefined)
      return { spec, value: Array.from({ length: count }, () => this.#scalar(element)), isCut }
    const at = this.#take(count)
    const part = this.#bytes.subarray(at, at + count)
    return {
      spec,
      value: type === 'bytes' ? Uint8Array.from(part) : Buffer.from(part).toString('utf8'),
      isCut,
    }
  }
}

/** Reads the content of a record of a ring. Returns undefined if it is no record of these kinds. O(length). */
export function decode(records: readonly RecordSpec[], bytes: Uint8Array): Decoded | undefined {
  if (bytes.length < SPAN_AT) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = view.getUint32(0, true)
  const id = word & ID_MASK
  const spec = records[id]
  if (spec === undefined || bytes.length < headBytes(spec.phase)) return undefined
  try {
    const cursor = new Cursor(bytes, headBytes(spec.phase))
    const fields = spec.fields.map((field) => cursor.field(field))
    if (!cursor.isAtEnd) return undefined
    return {
      ...{ id, spec, fields },
      slot: (word >>> SLOT_SHIFT) & SLOT_MASK,
      pid: view.getUint32(4, true),
      span: spec.phase === 'event' ? 0 : view.getUint32(SPAN_AT, true),
      isMisfit: (word & MISFIT) !== 0,
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
