/**
 * Errors that name the argument, the value and what is accepted; and the checks that throw them.
 *
 * @module
 */
import { getSystemErrorMap, inspect, types } from 'node:util'

/** Formats a value for an error message: short and on one line. Never throws, even if a getter of the value does. */
function show(value: unknown): string {
  // inspect() would print the bytes.
  if (types.isSharedArrayBuffer(value)) return `a SharedArrayBuffer of ${value.byteLength} bytes`
  if (types.isArrayBuffer(value)) return `an ArrayBuffer of ${value.byteLength} bytes`
  try {
    return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 40, maxArrayLength: 3 })
  } catch {
    return `a value of type ${typeof value} that cannot be shown`
  }
}

/** Formats a value with its type, for errors about the type. */
function showWithType(value: unknown): string {
  const isObject = typeof value === 'object' || typeof value === 'function'
  return isObject ? show(value) : `${show(value)} (${typeof value})`
}

/** A TypeError: which argument is wrong, what is accepted, what was given. */
export function typeError(argument: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${argument}: expected ${expected}, got ${showWithType(value)}`)
}

/** A RangeError: which argument is wrong, what is accepted, what was given. */
export function rangeError(argument: string, expected: string, value: unknown): RangeError {
  return new RangeError(`${argument}: expected ${expected}, got ${show(value)}`)
}

/**
 * An operation found bytes in the shared memory that no operation of this library leaves there: something has written over
 * the memory of the structure. The message names the structure.
 */
export class RegionCorruptError extends Error {
  /** Always `RegionCorruptError`. */
  override readonly name = 'RegionCorruptError'
}

/** @throws TypeError, RangeError unless `value` is an integer from `least` to `most`. */
export function checkInteger(argument: string, value: unknown, least: number, most: number): number {
  const expected = `an integer from ${least} to ${most}`
  if (typeof value !== 'number') throw typeError(argument, expected, value)
  if (!Number.isInteger(value) || value < least || value > most) throw rangeError(argument, expected, value)
  return value
}

/** @throws TypeError, RangeError unless `value` is a number of milliseconds, 0 or more. Infinity is accepted. */
export function checkMilliseconds(argument: string, value: unknown): number {
  const expected = 'a number of milliseconds, 0 or more'
  if (typeof value !== 'number') throw typeError(argument, expected, value)
  if (!(value >= 0)) throw rangeError(argument, expected, value)
  return value
}

/**
 * Returns `value`, or the first of `accepted` if it is undefined.
 *
 * @throws TypeError, RangeError if `value` is something else than one of `accepted`.
 */
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
 * The previous owner of a lock ended (was terminated, threw an uncaught exception, or exited) without unlocking it, so the
 * data that the lock protects may be half changed. The thread that gets this error **has the lock**: it must repair the data
 * and unlock.
 */
export class OwnerDiedError extends Error {
  /** Always `OwnerDiedError`. */
  override readonly name = 'OwnerDiedError'
  /** The CPU whose lock this thread has now, for a {@link PerCpuLock}; undefined for a {@link Mutex}. */
  readonly cpu: number | undefined

  /** @internal */
  constructor(lock: string, cpu?: number) {
    super(
      `${lock}: its last owner ended without unlocking it; this thread has it now, and has to repair and unlock`,
    )
    this.cpu = cpu
  }
}

/** The error of an operation on an object after its `[Symbol.dispose]()`. */
export function disposedError(): Error {
  return new Error(
    'rseq: expected an object that is in use, got one after its [Symbol.dispose](); `from` opens its buffer again',
  )
}

/**
 * A lock did not become free before the timeout. The thread that gets this error does not have the lock. The message names the
 * thread that has it, if that is known.
 */
export class TimeoutError extends Error {
  /** Always `TimeoutError`, like the reason of `AbortSignal.timeout()`. */
  override readonly name = 'TimeoutError'

  /** @internal */
  constructor(lock: string, timeoutMs: number, holder: string) {
    super(`${lock}: expected to be free within ${timeoutMs} ms; ${holder}`)
  }
}

/** @throws TypeError, RangeError unless `value` is a finite number. */
export function checkFinite(argument: string, value: unknown): number {
  if (typeof value !== 'number') throw typeError(argument, 'a finite number', value)
  if (!Number.isFinite(value)) throw rangeError(argument, 'a finite number', value)
  return value
}

/**
 * Returns the number of elements of a Float64Array that an operation uses: `count`, or all if it is undefined.
 *
 * @throws TypeError, RangeError unless `array` is a Float64Array with at least `count` elements.
 */
export function checkArray(argument: string, array: unknown, count: unknown): number {
  if (!types.isFloat64Array(array)) throw typeError(argument, 'a Float64Array', array)
  // + 0 turns -0 into 0: the caller returns this number.
  return count === undefined ? array.length : checkInteger('count', count, 0, array.length) + 0
}

/** @throws TypeError unless `value` is an object. */
export function checkObject(argument: string, value: unknown, expected: string): object {
  if (typeof value !== 'object' || value === null) throw typeError(argument, expected, value)
  return value
}

/** The system's text for an errno, such as "EPERM: operation not permitted". */
export function systemErrorText(errno: number): string {
  const entry = getSystemErrorMap().get(-errno)
  return entry === undefined ? `errno ${errno}` : `${entry[0]}: ${entry[1]}`
}
