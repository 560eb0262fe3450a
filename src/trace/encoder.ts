/**
 * Writes the values of an event into the scratch of a ring. No code is generated: an encoder is a list of numbers that
 * {@link put} interprets.
 *
 * Nothing here runs code of the caller, which could begin another event in the middle of this one: types are checked by
 * `typeof`, typed arrays are read by the getters of their prototype, and {@link settled} copies other arrays before.
 *
 * @module
 */
import { TextEncoder, types } from 'node:util'
import { CUT, LENGTH_BYTES, elementOf, isLongType } from './record-layout.js'
import type { CheckedType, FieldSpec } from './schema.js'

/** Numbers of the types. An array's is that of its elements and `array`. */
const Code = {
  ...{ f64: 0, f32: 1, u8: 2, u16: 3, u32: 4, i8: 5, i16: 6, i32: 7, u64: 8, i64: 9, bool: 10 },
  ...{ enum: 11, string: 12, bytes: 13, array: 16, flow: 8 },
} as const

/** Constants of this module: in a function that is optimized, they cost no load. */
const { f64: F64, f32: F32, u8: U8, u16: U16, u32: U32, i8: I8, i16: I16, i32: I32 } = Code
const { u64: U64, i64: I64, bool: BOOL, enum: ENUM, string: STRING, bytes: BYTES, array: ARRAY } = Code

/** How a field is written. */
export interface FieldEncoder {
  readonly code: number
  readonly most: number
  /** The numbers of an enum's texts. */
  readonly labels: ReadonlyMap<string, number>
}

function codeOf(type: CheckedType): number {
  const element = elementOf(type)
  return element === undefined ? Code[type as keyof typeof Code] : ARRAY + Code[element]
}

export function fieldEncoder({ type, most, labels }: FieldSpec): FieldEncoder {
  return { code: codeOf(type), most, labels: new Map(labels.map((label, k) => [label, k])) }
}

/** A buffer for records: the scratch of a ring. */
export interface Target {
  readonly bytes: Uint8Array
  readonly view: DataView
}

export function targetOf(bytes: Uint8Array): Target {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
}

/** Whether a value since {@link beginRecord} did not fit its field. */
let hasMisfit = false

/** Call this before the first field of a record. */
export function beginRecord(): void {
  hasMisfit = false
}

/** Whether a value of the record did not fit. */
export function sawMisfit(): boolean {
  return hasMisfit
}

const encoder = new TextEncoder()
/** Strings up to this length are copied by a loop, which is faster than a call of native code. */
const LOOP_LENGTH = 48

const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object

/** Reads a property of a typed array as the getter of its prototype gives it. */
function intrinsic(name: 'length' | 'byteOffset' | 'buffer'): (array: object) => unknown {
  return (array) => Reflect.get(TypedArrayPrototype, name, array) as unknown
}

/** The length of a typed array, whatever its class says. */
const lengthOf = intrinsic('length') as (array: object) => number
const offsetOf = intrinsic('byteOffset') as (array: object) => number
const bufferOf = intrinsic('buffer') as (array: object) => ArrayBufferLike

/**
 * Writes a value, and returns the position behind it. A value that does not fit its field is written as the nearest that does,
 * or as 0, an empty string or nothing; see {@link sawMisfit}. O(length of the value).
 */
export function put(target: Target, at: number, field: FieldEncoder, value: unknown): number {
  // This function is short enough that V8 copies it into its callers.
  if (typeof value === 'number') {
    const { code } = field
    if (code === F64) {
      target.view.setFloat64(at, value, true)
      return at + 8
    }
    if (code === U32 && value >>> 0 === value) {
      target.view.setUint32(at, value, true)
      return at + 4
    }
    if (code === I32 && (value | 0) === value) {
      target.view.setInt32(at, value, true)
      return at + 4
    }
  } else if (typeof value === 'string' && field.code === STRING) {
    return putString(target, at, field.most, value)
  }
  return putOther(target, at, field, value)
}

function putOther(target: Target, at: number, field: FieldEncoder, value: unknown): number {
  const { view } = target
  const { code, most } = field
  if (code === ENUM && typeof value === 'string') {
    const label = field.labels.get(value)
    if (label === undefined) hasMisfit = true
    view.setUint8(at, label ?? 0)
    return at + 1
  }
  if (code === BYTES) return putBytes(target, at, most, value)
  if (code === STRING) {
    hasMisfit = true
    view.setUint16(at, 0, true)
    return at + LENGTH_BYTES
  }
  if (code >= ARRAY) return putArray(target, at, code - ARRAY, most, value)
  return putScalar(view, at, code, value)
}

function putString(target: Target, at: number, most: number, value: string): number {
  const { bytes, view } = target
  const { length } = value
  if (length > LOOP_LENGTH || length > most) return putLongString(target, at, most, value)
  const begin = at + LENGTH_BYTES
  for (let k = 0; k < length; k++) {
    const unit = value.charCodeAt(k)
    if (unit >= 0x80) return putLongString(target, at, most, value)
    bytes[begin + k] = unit
  }
  view.setUint16(at, length, true)
  return begin + length
}

/** Writes a string in UTF-8; it is cut between two characters. Half a surrogate pair becomes U+FFFD. */
function putLongString({ bytes, view }: Target, at: number, most: number, value: string): number {
  const begin = at + LENGTH_BYTES
  const { read, written } = encoder.encodeInto(value, bytes.subarray(begin, begin + most))
  view.setUint16(at, read < value.length ? written | CUT : written, true)
  return begin + written
}

/** Writes a value of a type of a fixed size that the usual way does not write. */
function putScalar(view: DataView, at: number, code: number, value: unknown): number {
  switch (code) {
    case F64:
      view.setFloat64(at, numberOf(value), true)
      return at + 8
    case F32:
      view.setFloat32(at, numberOf(value), true)
      return at + 4
    case U64:
      view.setBigUint64(at, wideOf(value, 0n, MOST_U64), true)
      return at + 8
    case I64:
      view.setBigInt64(at, wideOf(value, LEAST_I64, MOST_I64), true)
      return at + 8
    case U32:
      view.setUint32(at, integerOf(value, 0, 0xffffffff), true)
      return at + 4
    case I32:
      view.setInt32(at, integerOf(value, -0x80000000, 0x7fffffff), true)
      return at + 4
    case U16:
      view.setUint16(at, integerOf(value, 0, 0xffff), true)
      return at + 2
    case I16:
      view.setInt16(at, integerOf(value, -0x8000, 0x7fff), true)
      return at + 2
    case U8:
      view.setUint8(at, integerOf(value, 0, 0xff))
      return at + 1
    case I8:
      view.setInt8(at, integerOf(value, -0x80, 0x7f))
      return at + 1
    case BOOL:
      if (typeof value !== 'boolean') hasMisfit = true
      view.setUint8(at, value === true ? 1 : 0)
      return at + 1
    default:
      hasMisfit = true
      view.setUint8(at, 0)
      return at + 1
  }
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  hasMisfit = true
  return typeof value === 'bigint' ? Number(value) : 0
}

/** The integer from `least` to `most` that is nearest to a number or a bigint; 0 for anything else. */
function integerOf(value: unknown, least: number, most: number): number {
  const given = typeof value === 'bigint' ? Number(value) : value
  if (typeof given !== 'number' || Number.isNaN(given)) {
    hasMisfit = true
    return 0
  }
  const fitting = Math.trunc(Math.min(Math.max(given, least), most))
  if (fitting !== given) hasMisfit = true
  return fitting
}

const MOST_U64 = (1n << 64n) - 1n
const LEAST_I64 = -(1n << 63n)
const MOST_I64 = (1n << 63n) - 1n

/** As {@link integerOf}, for 64 bits. */
function wideOf(value: unknown, least: bigint, most: bigint): bigint {
  let given: bigint
  if (typeof value === 'bigint') given = value
  else if (typeof value === 'number' && Number.isSafeInteger(value)) given = BigInt(value)
  else {
    hasMisfit = true
    if (typeof value !== 'number' || Number.isNaN(value)) return 0n
    given = Number.isFinite(value) ? BigInt(Math.trunc(value)) : value > 0 ? most : least
  }
  if (given >= least && given <= most) return given
  hasMisfit = true
  return given < least ? least : most
}

function putBytes({ bytes, view }: Target, at: number, most: number, value: unknown): number {
  const begin = at + LENGTH_BYTES
  if (!types.isUint8Array(value)) {
    hasMisfit = true
    view.setUint16(at, 0, true)
    return begin
  }
  const length = lengthOf(value)
  const count = Math.min(length, most)
  // Over a buffer that was transferred, no array can be made, not even one without elements.
  if (count > 0) bytes.set(new Uint8Array(bufferOf(value), offsetOf(value), count), begin)
  view.setUint16(at, length > most ? count | CUT : count, true)
  return begin + count
}

function putArray(target: Target, at: number, code: number, most: number, value: unknown): number {
  const { view } = target
  const isTyped = types.isTypedArray(value)
  if (!isTyped && !(value instanceof Settled)) {
    hasMisfit = true
    view.setUint16(at, 0, true)
    return at + LENGTH_BYTES
  }
  const elements = isTyped ? (value as unknown as ArrayLike<unknown>) : value.elements
  const length = isTyped ? lengthOf(value) : value.length
  const count = Math.min(length, most)
  view.setUint16(at, length > most ? count | CUT : count, true)
  let next = at + LENGTH_BYTES
  for (let k = 0; k < count; k++) next = putScalar(view, next, code, elements[k])
  return next
}

/** The copy of an array that is not a typed one. */
class Settled {
  readonly elements: readonly unknown[]
  /** The length of the array; there are fewer elements if it was longer than its field allows. */
  readonly length: number

  constructor(elements: readonly unknown[], length: number) {
    this.elements = elements
    this.length = length
  }
}

/** Whether {@link settled} has something to do for a field. */
export function needsSettling({ type }: FieldSpec): boolean {
  return elementOf(type) !== undefined
}

/** Copies an array that may run code when its elements are read. Returns other values as they are. */
export function settled({ most }: FieldEncoder, value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const { length } = value
  return new Settled(
    Array.from({ length: Math.min(length, most) }, (_, k) => (value as unknown[])[k]),
    length,
  )
}

/** Whether the value of a field of this type can be an object: a typed array or an array. */
export function takesObjects(type: CheckedType): boolean {
  return isLongType(type) && type !== 'string'
}
