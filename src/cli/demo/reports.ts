/**
 * How those who count report by messages.
 *
 * @module
 */

/** Additions between two looks at the clock. */
export const CHUNK = 1000
/** Milliseconds between two messages. */
export const REPORT_MS = 50
