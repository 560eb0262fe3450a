/**
 * Errors that name the argument, the value and what is accepted; and the checks that throw them.
 *
 * @module
 */
import { getSystemErrorMap, inspect } from 'node:util'

/** A value as an error message shows it: short, on one line, with its type where that is the point. */
function show(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 40, maxArrayLength: 3 })
  return typeof value === 'object' || typeof value === 'function' ? text : `${text} (${typeof value})`
}

export function typeError(argument: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${argument}: expected ${expected}, got ${show(value)}`)
}

export function rangeError(argument: string, expected: string, value: unknown): RangeError {
  return new RangeError(`${argument}: expected ${expected}, got ${inspect(value)}`)
}

/** The bytes of a region are not what any operation leaves: something has written over them. */
export class RegionCorruptError extends Error {
  override readonly name = 'RegionCorruptError'
}

/** @throws TypeError, RangeError unless `value` is an integer from `least` to `most`. */
export function checkInteger(argument: string, value: unknown, least: number, most: number): number {
  const expected = `an integer from ${least} to ${most}`
  if (typeof value !== 'number') throw typeError(argument, expected, value)
  if (!Number.isInteger(value) || value < least || value > most) throw rangeError(argument, expected, value)
  return value
}

/** @throws TypeError, RangeError unless `value` is a number of milliseconds, 0 or more; Infinity is one. */
export function checkMilliseconds(argument: string, value: unknown): number {
  const expected = 'a number of milliseconds, 0 or more'
  if (typeof value !== 'number') throw typeError(argument, expected, value)
  if (!(value >= 0)) throw rangeError(argument, expected, value)
  return value
}

/** @throws TypeError, RangeError unless `value` is one of `accepted`, or undefined: then it is the first. */
export function checkChoice<Name extends string>(
  argument: string,
  value: unknown,
  accepted: readonly [Name, ...Name[]],
): Name {
  if (value === undefined) return accepted[0]
  const expected = accepted.map((name) => `'${name}'`).join(' or ')
  if (typeof value !== 'string') throw typeError(argument, expected, value)
  const name = accepted.find((candidate) => candidate === value)
  if (name === undefined) throw rangeError(argument, expected, value)
  return name
}

/**
 * A lock was taken whose last owner ended while it had it: terminated, by an exception, or by exit. What the
 * lock protects may be half changed. Whoever gets this error **has the lock**: repairs, and unlocks.
 */
export class OwnerDiedError extends Error {
  override readonly name = 'OwnerDiedError'
  /** Of a {@link PerCpuLock}, the CPU whose lock this thread has now. */
  readonly cpu: number | undefined

  constructor(lock: string, cpu?: number) {
    super(
      `${lock}: its last owner ended without unlocking it; this thread has it now, and has to repair and unlock`,
    )
    this.cpu = cpu
  }
}

/** @throws TypeError, RangeError unless `value` is a finite number. */
export function checkFinite(argument: string, value: unknown): number {
  if (typeof value !== 'number') throw typeError(argument, 'a finite number', value)
  if (!Number.isFinite(value)) throw rangeError(argument, 'a finite number', value)
  return value
}

/**
 * How much of a Float64Array is meant: `count`, or all.
 *
 * @throws TypeError, RangeError unless `array` is one and has as many elements.
 */
export function checkArray(argument: string, array: unknown, count: unknown): number {
  if (!(array instanceof Float64Array)) throw typeError(argument, 'a Float64Array', array)
  // Not -0: it would come back as an answer.
  return count === undefined ? array.length : checkInteger('count', count, 0, array.length) + 0
}

/** @throws TypeError unless `value` is an object. */
export function checkObject(argument: string, value: unknown, expected: string): object {
  if (typeof value !== 'object' || value === null) throw typeError(argument, expected, value)
  return value
}

/** The system's words for an errno, such as "EPERM: operation not permitted". */
export function systemErrorText(errno: number): string {
  const entry = getSystemErrorMap().get(-errno)
  return entry === undefined ? `errno ${errno}` : `${entry[0]}: ${entry[1]}`
}
