/**
 * Chooses events by a pattern and a level, and sets their switches.
 *
 * @module
 */
import { checkChoice, checkInteger, rangeError, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { type Control, MOST_RATE, MOST_SAMPLING, OFF } from './controls.js'
import { isAtLeast } from './events-memory.js'
import { type Comparison, filterText, parseFilter, termsFor } from './filter.js'
import type { Level, RecordSpec, TraceSpec } from './schema.js'

const LONGEST_PATTERN = 200

/** Which of the events that a pattern matches are enabled, and how often they are recorded. */
export interface EnableOptions {
  /** Only events of this level and of more important ones; by default of all levels. */
  level?: Level
  /** Records one of so many events in each thread, of those that pass the filter: 1 (all, the default) to 2**31 - 1. */
  sample?: number
  /** Records at most so many events in a second on each CPU: 1 to 2**20 - 1; by default no limit. */
  perSecond?: number
  /**
   * Records only events whose values pass: 1 to 8 comparisons of fields that are numbers, booleans or enums, by `==`, `!=`, `<`,
   * `<=`, `>` and `>=`, joined by `&&` and `||`, such as `bytes > 1000 && state == miss`. Of a span, the fields of its beginning.
   */
  filter?: string
}

/** Which events are to be recorded when. */
export interface Wanted {
  readonly pattern: string
  readonly level: Level
  readonly sample: number
  readonly perSecond: number
  /** None: all events pass. */
  readonly filter: readonly Comparison[]
}

/** What turns all events off that a pattern matches. */
export function wantedOff(pattern: string): Wanted {
  return { ...OFF, pattern, level: 'debug', filter: [] }
}

/** Whether a text matches a pattern in which each `*` stands for any characters. O(length of the text × stars). */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...parts] = pattern.split('*')
  const last = parts.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of parts) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

/** Returns `pattern`. @throws TypeError, RangeError if it is no pattern. */
export function checkPattern(pattern: unknown): string {
  const expected = `an event's name, which may have stars and TRACE: before it, such as 'request', 'http:*' or '*'`
  if (typeof pattern !== 'string') throw typeError('pattern', expected, pattern)
  if (pattern === '' || pattern.length > LONGEST_PATTERN) throw rangeError('pattern', expected, pattern)
  return pattern
}

/** Checks a pattern and the options of {@link EnableOptions}, and fills in the defaults. */
export function checkWanted(pattern: unknown, options: EnableOptions): Wanted {
  const { level, sample, perSecond, filter } = checkOptions('options', options, [
    ...(['level', 'sample', 'perSecond', 'filter'] as const),
  ])
  return {
    pattern: checkPattern(pattern),
    level: checkChoice('level', level, ['debug', 'info', 'warning', 'error', 'critical']),
    sample: sample === undefined ? 1 : checkInteger('sample', sample, 1, MOST_SAMPLING),
    perSecond: perSecond === undefined ? 0 : checkInteger('perSecond', perSecond, 1, MOST_RATE),
    filter: filter === undefined ? [] : parseFilter(filter),
  }
}

/** The numbers of the kinds of records whose events match: `request` alone, or with its trace as `shop:request`. */
export function chosen({ name, records }: TraceSpec, pattern: string, level: Level): number[] {
  return records.flatMap((record, k) =>
    isAtLeast(record.level, level) &&
    (matches(pattern, record.event) || matches(pattern, `${name}:${record.event}`))
      ? [k]
      : [],
  )
}

/** An event whose switch is to be set. */
export interface Change {
  readonly id: number
  readonly event: string
  readonly control: Control
}

/**
 * Returns which switches are to be set, and how. Events that lack a field of the filter are left as they are.
 *
 * @throws RangeError for a filter that does not fit the events.
 */
export function changesOf(spec: TraceSpec, { pattern, level, filter, sample, perSecond }: Wanted): Change[] {
  const all = chosen(spec, pattern, level).flatMap((id) => {
    const { event, phase, fields } = spec.records[id] as RecordSpec
    return phase === 'end' ? [] : [{ id, event, terms: termsFor(filter, fields), fields }]
  })
  if (all.length > 0 && all.every(({ terms }) => terms === undefined)) {
    const names = [...new Set(all.flatMap(({ fields }) => fields.map(({ name }) => name)))].join(', ')
    const text = filter.map(({ name }) => name).join(', ')
    throw rangeError('filter', `fields that one of the events has together (there are ${names})`, text)
  }
  return all.flatMap(({ id, event, terms }) =>
    terms === undefined ? [] : [{ id, event, control: { sample, perSecond, terms } }],
  )
}

/** Says when an event is recorded: `off`, `on`, or how it is chosen. */
export function stateText(control: Control | undefined, { fields }: RecordSpec): string {
  if (control === undefined) return 'damaged'
  const { sample, perSecond, terms } = control
  if (sample === 0) return 'off'
  const parts = [
    filterText(terms, fields),
    sample === 1 ? '' : `1 in ${sample}`,
    perSecond === 0 ? '' : `${perSecond} a second`,
  ].filter((part) => part !== '')
  return parts.length === 0 ? 'on' : parts.join(', ')
}
