/**
 * Whether a trace has the events of a source.
 *
 * @module
 */
import { typeError } from '../../core/errors.js'

/**
 * Checks that a trace has an event for each of some definitions.
 *
 * @param name - what a program spreads into the definition of its trace.
 * @throws TypeError that names an event that is missing.
 */
export function checkHasEvents(trace: unknown, events: object, name: string): void {
  const given = trace as Partial<Record<string, unknown>> | null | undefined
  const missing = Object.keys(events).find((event) => typeof given?.[event] !== 'function')
  if (missing !== undefined)
    throw typeError('trace', `a trace whose definition has ...${name} (it lacks ${missing})`, trace)
}
