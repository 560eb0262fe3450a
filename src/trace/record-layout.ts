/**
 * The bytes of a record of a trace, within a record of a ring, which has the time, the CPU and the thread already:
 *
 *     bytes 0 to 3   bits 0 to 11 the number of the record's kind, 12 to 21 the slot of the process in the service (0: none),
 *                    22: a value did not fit its field
 *     bytes 4 to 7   the process id
 *     bytes 8 to 11  only of spans: the number of the span, which its beginning and its end have in common
 *     …              the fields in their order, without gaps, little-endian
 *
 * A string, bytes and an array begin with 2 bytes: bits 0 to 14 the number of bytes or elements, bit 15 whether more were given.
 *
 * @module
 */
import type { BigintType, CheckedType, FieldSpec, LongType, NumberType, Phase, RecordSpec } from './schema.js'

export const ID_MASK = 0xfff
export const SLOT_SHIFT = 12
export const SLOT_MASK = 0x3ff
export const MISFIT = 1 << 22
const HEAD = 8
export const SPAN_AT = HEAD
export const LENGTH_BYTES = 2
export const LENGTH_MASK = 0x7fff
export const CUT = 0x8000

/** Bytes of the types of a fixed size, which are also the types of an array's elements. */
export const SIZES: Readonly<Record<NumberType | BigintType | 'bool' | 'enum' | 'flow', number>> = {
  ...{ u8: 1, u16: 2, u32: 4, u64: 8, i8: 1, i16: 2, i32: 4, i64: 8, f32: 4, f64: 8 },
  ...{ bool: 1, enum: 1, flow: 8 },
}

/** The bytes before a record's fields. */
export function headBytes(phase: Phase): number {
  return phase === 'event' ? HEAD : HEAD + 4
}

/** The type of the elements of an array's type; undefined for other types. */
export function elementOf(type: string): NumberType | BigintType | undefined {
  const element = type.endsWith('[]') ? type.slice(0, -2) : ''
  const isOne = Object.hasOwn(SIZES, element) && !['bool', 'enum', 'flow'].includes(element)
  return isOne ? (element as NumberType | BigintType) : undefined
}

export function isLongType(type: string): type is LongType {
  return type === 'string' || type === 'bytes' || elementOf(type) !== undefined
}

/** Whether a schema can have a type by its name alone. */
export function isFieldType(type: string): type is Exclude<CheckedType, 'enum'> {
  return type !== 'enum' && (Object.hasOwn(SIZES, type) || isLongType(type))
}

function mostBytesOf({ type, most }: FieldSpec): number {
  const element = elementOf(type)
  if (element !== undefined) return LENGTH_BYTES + most * SIZES[element]
  return type === 'string' || type === 'bytes' ? LENGTH_BYTES + most : SIZES[type as keyof typeof SIZES]
}

/** The bytes of the longest record of a kind. */
export function mostBytes({ phase, fields }: RecordSpec): number {
  return fields.reduce((sum, field) => sum + mostBytesOf(field), headBytes(phase))
}
