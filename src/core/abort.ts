/**
 * The part of AbortSignal that the library uses. It is declared here because a program that compiles against the library's
 * types may have neither Node's types nor the DOM's.
 *
 * @module
 */
import { checkObject, typeError } from './errors.js'

/** A signal that ends an iteration. Every AbortSignal is one. */
export interface Abortable {
  /** True from the abort on. The iteration reads it before it waits for records. */
  readonly aborted: boolean
}

/** A signal that cancels a wait. Every AbortSignal is one. */
export interface CancelSignal extends Abortable {
  /** The error with which a cancelled wait is rejected. */
  readonly reason: unknown
  /** Registers a listener for the abort, for the time of a wait. */
  addEventListener(type: 'abort', listener: () => void): void
  /** Removes the listener when the wait has ended. */
  removeEventListener(type: 'abort', listener: () => void): void
}

const A_SIGNAL = 'an AbortSignal'

/** @throws TypeError unless `value` is undefined or an object that says whether it is aborted, as an AbortSignal does. */
export function checkAbortable(argument: string, value: unknown): Abortable | undefined {
  if (value === undefined) return undefined
  const signal = checkObject(argument, value, A_SIGNAL) as Partial<Abortable>
  if (typeof signal.aborted !== 'boolean') throw typeError(argument, A_SIGNAL, value)
  return signal as Abortable
}

/** @throws TypeError unless `value` is undefined or has the members of an AbortSignal. */
export function checkSignal(argument: string, value: unknown): CancelSignal | undefined {
  const signal = checkAbortable(argument, value) as Partial<CancelSignal> | undefined
  if (signal === undefined) return undefined
  const canListen =
    typeof signal.addEventListener === 'function' && typeof signal.removeEventListener === 'function'
  if (!canListen) throw typeError(argument, A_SIGNAL, value)
  return signal as CancelSignal
}
