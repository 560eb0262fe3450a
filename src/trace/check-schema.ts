/**
 * Checks the events of a trace: those that a program defines, and those that are found in a file.
 *
 * @module
 */
import { checkChoice, checkInteger, checkObject, rangeError, typeError } from '../core/errors.js'
import { SHORT_RECORD } from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { checkName } from '../shared/names.js'
import { SIZES, headBytes, isFieldType, isLongType, mostBytes } from './record-layout.js'
import type { EventsSchema, FieldSpec, Fields, Level, RecordSpec, TraceSpec } from './schema.js'

/** The levels, the most important first. */
export const LEVELS = ['critical', 'error', 'warning', 'info', 'debug'] as const
/** The default comes first, as checkChoice() wants it. */
const CHOICE_OF_LEVEL = ['info', 'critical', 'error', 'warning', 'debug'] as const
const EVENT_NAME = /^[A-Za-z_][A-Za-z0-9_.:-]*$/
const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const LONGEST_NAME = 80
export const MOST_EVENTS = 1000
export const MOST_FIELDS = 8
const MOST_LABELS = 256
const DEFAULT_BYTES = 128
const DEFAULT_ELEMENTS = 16
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u
const A_FIELD =
  "a type, such as 'u32', 'f64', 'bool', 'string', 'bytes' or 'i32[]'; { type, most }; or { enum: [texts] }"

function checkKey(argument: string, name: string, pattern: RegExp): string {
  if (name.length <= LONGEST_NAME && pattern.test(name) && name !== '__proto__') return name
  throw rangeError(
    argument,
    `a name of at most ${LONGEST_NAME} characters that matches ${pattern.source}`,
    name,
  )
}

function checkLabels(argument: string, value: unknown): readonly string[] {
  const expected = `an array of 1 to ${MOST_LABELS} different texts`
  if (!Array.isArray(value)) throw typeError(argument, expected, value)
  // Unlike map(), this visits holes, too.
  const labels = Array.from(value, (one: unknown) => {
    const text = 'texts of at most 80 characters, none of them a control character'
    if (typeof one !== 'string') throw typeError(argument, text, one)
    if (one.length > LONGEST_NAME || CONTROLS.test(one)) throw rangeError(argument, text, one)
    return one
  })
  if (labels.length === 0 || labels.length > MOST_LABELS || new Set(labels).size !== labels.length)
    throw rangeError(argument, expected, value)
  return labels
}

function checkField(argument: string, name: string, value: unknown): FieldSpec {
  if (typeof value === 'string') {
    if (!isFieldType(value)) throw rangeError(argument, A_FIELD, value)
    const most = value === 'string' || value === 'bytes' ? DEFAULT_BYTES : DEFAULT_ELEMENTS
    return { name, type: value, most: isLongType(value) ? most : 1, labels: [] }
  }
  const given = checkOptions<{ type?: unknown; most?: unknown; enum?: unknown }>(
    argument,
    checkObject(argument, value, A_FIELD),
    ['type', 'most', 'enum'],
  )
  if (given.enum !== undefined) {
    if (given.type !== undefined || given.most !== undefined) throw typeError(argument, A_FIELD, value)
    return { name, type: 'enum', most: 1, labels: checkLabels(`${argument}.enum`, given.enum) }
  }
  if (typeof given.type !== 'string' || !isLongType(given.type)) {
    throw rangeError(
      `${argument}.type`,
      "'string', 'bytes' or an array such as 'u32[]', as only these have a bound",
      given.type,
    )
  }
  const most = checkInteger(`${argument}.most`, given.most, 1, SHORT_RECORD)
  return { name, type: given.type, most, labels: [] }
}

function checkFields(argument: string, value: unknown): FieldSpec[] {
  if (value === undefined) return []
  const fields = Object.entries(checkObject(argument, value, 'an object with a field for each name'))
  if (Array.isArray(value)) throw typeError(argument, 'an object with a field for each name', value)
  if (fields.length > MOST_FIELDS) {
    throw rangeError(argument, `at most ${MOST_FIELDS} fields`, fields.length)
  }
  return fields.map(([name, field]) =>
    checkField(`${argument}.${name}`, checkKey(argument, name, FIELD_NAME), field),
  )
}

/** Returns the fields of a record with the contexts behind them. */
function joined(argument: string, own: readonly FieldSpec[], contexts: readonly FieldSpec[]): FieldSpec[] {
  const double = own.find(({ name }) => contexts.some((context) => context.name === name))
  if (double !== undefined) throw rangeError(argument, 'another name: a context has it', double.name)
  const fields = [...own, ...contexts]
  if (fields.length <= MOST_FIELDS) return fields
  throw rangeError(argument, `at most ${MOST_FIELDS} fields, contexts included`, fields.length)
}

function checkEvent(
  event: string,
  value: unknown,
  reserved: ReadonlySet<string>,
  contexts: readonly FieldSpec[],
): RecordSpec[] {
  checkKey('events', event, EVENT_NAME)
  if (reserved.has(event)) throw rangeError('events', 'another name: a trace has that one of its own', event)
  const given = checkOptions<{ kind?: unknown; level?: unknown; fields?: unknown; end?: unknown }>(
    event,
    checkObject(event, value, 'an object'),
    ['kind', 'level', 'fields', 'end'],
  )
  const kind = checkChoice(`${event}.kind`, given.kind, ['event', 'span'])
  const level: Level = checkChoice(`${event}.level`, given.level, CHOICE_OF_LEVEL)
  const fields = joined(`${event}.fields`, checkFields(`${event}.fields`, given.fields), contexts)
  const end = joined(`${event}.end`, checkFields(`${event}.end`, given.end), contexts)
  if (kind === 'event' && given.end !== undefined) {
    throw rangeError(`${event}.end`, "fields of a span (kind: 'span')", given.end)
  }
  const records: RecordSpec[] =
    kind === 'event'
      ? [{ event, phase: 'event', level, fields }]
      : [
          { event, phase: 'begin', level, fields },
          { event, phase: 'end', level, fields: end },
        ]
  for (const record of records) {
    if (mostBytes(record) > SHORT_RECORD) {
      throw rangeError(
        event,
        `fields of at most ${SHORT_RECORD - headBytes(record.phase)} bytes together; give bounds, such as { type: 'string', most: 100 }`,
        mostBytes(record) - headBytes(record.phase),
      )
    }
  }
  return records
}

/**
 * Checks the events of a trace.
 *
 * @param contexts - fields that all records have behind their own.
 * @param reserved - names that an event cannot have.
 * @throws TypeError, RangeError that name the event and what is wrong.
 */
export function checkSchema(
  name: unknown,
  schema: EventsSchema,
  contexts?: Fields,
  reserved: ReadonlySet<string> = new Set(),
): TraceSpec {
  const checked = checkName('name', name)
  if (checked.length > LONGEST_NAME) {
    throw rangeError('name', `a name of at most ${LONGEST_NAME} characters`, checked)
  }
  const expected = 'an object with an event for each name'
  const events = Object.entries(checkObject('events', schema, expected))
  if (Array.isArray(schema)) throw typeError('events', expected, schema)
  if (events.length === 0 || events.length > MOST_EVENTS) {
    throw rangeError('events', `1 to ${MOST_EVENTS} events`, events.length)
  }
  const added = checkFields('contexts', contexts)
  const records = events.flatMap(([event, value]) => checkEvent(event, value, reserved, added))
  return { name: checked, contexts: added, records }
}

function namedFields(fields: readonly FieldSpec[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.map(({ name, type, most, labels }) => [
      name,
      type === 'enum' ? { enum: labels } : type in SIZES ? type : { type, most },
    ]),
  )
}

/** Returns the contexts of a checked trace, as {@link checkSchema} accepts them. */
export function contextsOf({ contexts }: TraceSpec): Record<string, unknown> {
  return namedFields(contexts)
}

/** Returns the schema of a checked trace, with all defaults filled in: the text in a trace's file is made of it. */
export function schemaOf({ records, contexts }: TraceSpec): Record<string, unknown> {
  const fieldsOf = (fields: readonly FieldSpec[]): Record<string, unknown> =>
    namedFields(fields.slice(0, fields.length - contexts.length))
  const schema: Record<string, unknown> = {}
  records.forEach(({ event, phase, level, fields }, k) => {
    if (phase === 'event') schema[event] = { level, fields: fieldsOf(fields) }
    if (phase === 'begin') {
      const end = fieldsOf((records[k + 1] as RecordSpec).fields)
      schema[event] = { kind: 'span', level, fields: fieldsOf(fields), end }
    }
  })
  return schema
}
