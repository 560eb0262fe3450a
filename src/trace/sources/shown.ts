/**
 * Texts of values that belong to the program.
 *
 * @module
 */

/** The text that `get` makes; `otherwise` if it throws, as code of the program may: an event must not be what ends the process. */
export function shown(get: () => string, otherwise: string): string {
  try {
    return get()
  } catch {
    return otherwise
  }
}
