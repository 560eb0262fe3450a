/**
 * Text that may be anybody's, on its way to a terminal.
 *
 * @module
 */

/** Characters that could steer a terminal, or reorder or hide what follows. */
export const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** JSON in which everything is escaped that could steer a terminal. A reader gets the value that JSON.stringify() writes. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(UNPRINTABLE, (one) =>
    one === '\n' ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
