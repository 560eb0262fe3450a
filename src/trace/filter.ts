/**
 * Filters of events: comparisons of fields with numbers, joined by `&&` and `||`. A filter is a short list of numbers that
 * {@link passesFilter} interprets. No code is generated.
 *
 * @module
 */
import { rangeError, typeError } from '../core/errors.js'
import type { FieldSpec } from './schema.js'

/** The comparisons; a term has the position of one. */
const OPERATORS = ['==', '!=', '<', '<=', '>', '>='] as const
export const MOST_TERMS = 8
const LONGEST_FILTER = 500
const LONGEST_NUMBER = 40
const NUMBER = /^[+-]?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i
/** A name, a comparison, and a number, a word or a quoted text. Each part matches in one way only, so this takes linear time. */
const COMPARISON =
  /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|[^\s&|<>=!'"]+)\s*(&&|\|\||$)/
const EXPECTED = `1 to ${MOST_TERMS} comparisons with numbers, joined by && and ||, such as 'bytes > 1000 && ms >= 2.5'`

/** A comparison of a field with a number. */
export interface Term {
  /** The position of the field in the event. */
  readonly field: number
  /** The position of the comparison in the list of all. */
  readonly operator: number
  readonly value: number
  /** Whether it begins another alternative: it stands behind `||`. */
  readonly isAlternative: boolean
}

/** A comparison as it was written. */
export interface Comparison {
  readonly name: string
  readonly operator: number
  readonly text: string
  readonly isAlternative: boolean
}

/**
 * Reads the text of a filter. `&&` binds more tightly than `||`.
 *
 * @throws TypeError, RangeError that say what is accepted.
 */
export function parseFilter(filter: unknown): Comparison[] {
  if (typeof filter !== 'string') throw typeError('filter', EXPECTED, filter)
  if (filter.length > LONGEST_FILTER) {
    throw rangeError('filter', `a text of at most ${LONGEST_FILTER} characters`, filter.length)
  }
  const all: Comparison[] = []
  let rest = filter
  for (let joint = '&&'; joint !== '';) {
    const found = COMPARISON.exec(rest)
    if (found === null || all.length === MOST_TERMS) throw rangeError('filter', EXPECTED, filter)
    const [whole, name = '', operator = '', text = '', next = ''] = found
    all.push({
      ...{ name, text, isAlternative: joint === '||' },
      operator: OPERATORS.indexOf(operator as (typeof OPERATORS)[number]),
    })
    joint = next
    rest = rest.slice(whole.length)
  }
  return all
}

/** The number that a text means for a field; undefined if it means none. */
function numberIn(text: string, { type, labels }: FieldSpec): number | undefined {
  if (type === 'enum') {
    const label = labels.indexOf(text.replace(/^(['"])(.*)\1$/, '$2'))
    return label === -1 ? undefined : label
  }
  if (type === 'bool') return text === 'true' ? 1 : text === 'false' ? 0 : undefined
  if (text.length > LONGEST_NUMBER || !NUMBER.test(text)) return undefined
  const value = Number(text)
  // An integer that a double cannot hold would be compared as another one.
  const isExact = Number.isSafeInteger(value) || !/^[+-]?\d+$/.test(text)
  return Number.isFinite(value) && isExact ? value : undefined
}

function isComparable({ type, most }: FieldSpec): boolean {
  return most === 1 && type !== 'string' && type !== 'bytes' && !type.endsWith('[]')
}

function meaningOf(field: FieldSpec): string {
  if (field.type === 'enum') return `one of ${field.labels.join(', ')}`
  return field.type === 'bool' ? 'true or false' : 'a number that a double has exactly'
}

/**
 * Fits a filter to the fields of an event. Returns undefined if the event lacks one of the filter's fields.
 *
 * @throws RangeError if a field has no number, or cannot have the one that the filter names.
 */
export function termsFor(
  comparisons: readonly Comparison[],
  fields: readonly FieldSpec[],
): Term[] | undefined {
  const positions = comparisons.map(({ name }) => fields.findIndex((field) => field.name === name))
  if (positions.includes(-1)) return undefined
  return comparisons.map(({ name, operator, text, isAlternative }, k) => {
    const position = positions[k] as number
    const field = fields[position] as FieldSpec
    if (!isComparable(field)) {
      throw rangeError('filter', `numbers, booleans and enums; ${name} is of the type ${field.type}`, text)
    }
    const value = numberIn(text, field)
    if (value === undefined) throw rangeError('filter', `${meaningOf(field)} for ${name}`, text)
    return { field: position, operator, value, isAlternative }
  })
}

/** The text of a filter, from its terms. */
export function filterText(terms: readonly Term[], fields: readonly FieldSpec[]): string {
  return terms
    .map(({ field, operator, value, isAlternative }, k) => {
      const { name = '?', type, labels } = (fields[field] ?? {}) as Partial<FieldSpec>
      const shown = type === 'enum' ? labels?.[value] : type === 'bool' ? value === 1 : value
      return `${k === 0 ? '' : isAlternative ? ' || ' : ' && '}${name} ${OPERATORS[operator]} ${shown}`
    })
    .join('')
}

/** Whether a term can be interpreted for an event with so many fields. */
export function isTerm({ field, operator, value }: Term, fields: number): boolean {
  return field < fields && operator < OPERATORS.length && Number.isFinite(value)
}

function compares(operator: number, given: number | bigint, value: number): boolean {
  switch (operator) {
    // A bigint and a number are compared by what they are, not by their types.
    case 0:
      return given == value
    case 1:
      return given != value
    case 2:
      return given < value
    case 3:
      return given <= value
    case 4:
      return given > value
    default:
      return given >= value
  }
}

/** The number of a value; NaN, which differs from all numbers, if it has none. */
function comparable(value: unknown, labels: ReadonlyMap<string, number>): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'string' ? (labels.get(value) ?? NaN) : NaN
}

/**
 * Whether the values of an event pass a filter. O(terms), at most {@link MOST_TERMS}. A value that is no number of its field
 * passes `!=` only.
 *
 * @param fields - the fields, with the numbers of their enums' texts.
 */
export function passesFilter(
  terms: readonly Term[],
  fields: readonly { readonly labels: ReadonlyMap<string, number> }[],
  values: readonly unknown[],
): boolean {
  let passes = true
  for (const { field, operator, value, isAlternative } of terms) {
    if (isAlternative) {
      if (passes) return true
      passes = true
    }
    if (!passes) continue
    const { labels } = fields[field] as { readonly labels: ReadonlyMap<string, number> }
    passes = compares(operator, comparable(values[field], labels), value)
  }
  return passes
}
