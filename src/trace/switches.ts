/**
 * Chooses events by a pattern and a level, and sets their switches.
 *
 * @module
 */
import { checkChoice, checkInteger, rangeError, typeError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { MOST_SAMPLING, isAtLeast } from './events-memory.js'
import type { Level, TraceSpec } from './schema.js'

const LONGEST_PATTERN = 200

/** Which of the events that a pattern matches are enabled, and how often they are recorded. */
export interface EnableOptions {
  /** Only events of this level and of more important ones; by default of all levels. */
  level?: Level
  /** Records one of so many events in each thread: 1 (all, the default) to 2**31 - 1. */
  sample?: number
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

/** Checks the options of {@link EnableOptions}, and fills in the defaults. */
export function checkEnableOptions(options: EnableOptions): { level: Level; sample: number } {
  const { level, sample } = checkOptions('options', options, ['level', 'sample'])
  return {
    level: checkChoice('level', level, ['debug', 'info', 'warning', 'error', 'critical']),
    sample: sample === undefined ? 1 : checkInteger('sample', sample, 1, MOST_SAMPLING),
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
