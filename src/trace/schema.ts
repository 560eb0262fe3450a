/**
 * The events of a trace: the types that users write, and the checked form that all other modules use.
 *
 * @module
 */

/** A type whose values are numbers. */
export type NumberType = 'u8' | 'u16' | 'u32' | 'i8' | 'i16' | 'i32' | 'f32' | 'f64'
/** A type of 64-bit integers. Their values are bigints; a number that is a safe integer is accepted, too. */
export type BigintType = 'u64' | 'i64'
/** A type whose values have no fixed size. */
export type LongType = 'string' | 'bytes' | `${NumberType | BigintType}[]`
/**
 * The type of a field. A `flow` is an id of 64 bits that events of one request, job or message have in common, in any threads and
 * processes; its values are those of `u64`.
 */
export type FieldType = NumberType | BigintType | 'bool' | 'flow' | LongType

/** A field with a bound of its own. */
export interface BoundedField {
  /** The type of the field. */
  type: LongType
  /**
   * The most bytes of a string (in UTF-8) or of bytes, or the most elements of an array. What is longer is cut, and marked so. By
   * default 128 bytes or 16 elements.
   */
  most: number
}

/** A field that has one of some texts. It takes one byte in a record. */
export interface EnumField {
  /** The texts: 1 to 256 different ones. */
  enum: readonly string[]
}

/** The type of a field, or a type with options. */
export type Field = FieldType | BoundedField | EnumField

/** The fields of an event, by name, in their order: at most 8. */
export type Fields = Readonly<Record<string, Field>>

/** How important an event is. */
export type Level = 'critical' | 'error' | 'warning' | 'info' | 'debug'

/** An event that happens at one moment. */
export interface EventOptions {
  /** Says that the event happens at one moment; the default. */
  kind?: 'event'
  /** The level; `info` by default. Events of the level `debug` are off until somebody enables them. */
  level?: Level
  /** The fields; none by default. */
  fields?: Fields
}

/** An event that has a beginning and an end. Each is a record of its own, so that one that has no end after a crash is seen. */
export interface SpanOptions {
  /** Says that the event has a beginning and an end. */
  kind: 'span'
  /** The level; `info` by default. */
  level?: Level
  /** The fields that are known at the beginning; none by default. */
  fields?: Fields
  /** The fields that are known at the end; none by default. */
  end?: Fields
}

/** The events of a trace, by name. */
export type EventsSchema = Readonly<Record<string, EventOptions | SpanOptions>>

/** The value of a field. */
export type FieldValue<Type> = Type extends NumberType
  ? number
  : Type extends BigintType | 'flow'
    ? bigint | number
    : Type extends 'bool'
      ? boolean
      : Type extends 'string'
        ? string
        : Type extends 'bytes'
          ? Uint8Array
          : Type extends `${BigintType}[]`
            ? ArrayLike<bigint> | ArrayLike<number>
            : Type extends `${NumberType}[]`
              ? ArrayLike<number>
              : Type extends {
                    /** The texts that the field can have. */
                    enum: readonly (infer Label)[]
                  }
                ? Label
                : Type extends {
                      /** The type of the field. */
                      type: infer Inner
                    }
                  ? FieldValue<Inner>
                  : never

/** The values of fields, by name. */
export type FieldValues<Of extends Fields> = { readonly [Name in keyof Of]: FieldValue<Of[Name]> }

/** What a record tells: an event, or the beginning or the end of a span. */
export type Phase = 'event' | 'begin' | 'end'

/** The types of fields in records. */
export type CheckedType = FieldType | 'enum'

/** A checked field. */
export interface FieldSpec {
  readonly name: string
  readonly type: CheckedType
  /** The most bytes or elements; 1 for types with a fixed size. */
  readonly most: number
  /** The texts of an `enum`; none for other types. */
  readonly labels: readonly string[]
}

/** A kind of records. Its position in {@link TraceSpec.records} is its number in the ring. */
export interface RecordSpec {
  /** The name of the event. */
  readonly event: string
  readonly phase: Phase
  readonly level: Level
  readonly fields: readonly FieldSpec[]
}

/** The checked events of a trace. */
export interface TraceSpec {
  readonly name: string
  /** The fields that all records have in common, behind those of their own. */
  readonly contexts: readonly FieldSpec[]
  /** The beginning of a span is followed by its end. */
  readonly records: readonly RecordSpec[]
}
