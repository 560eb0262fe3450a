/**
 * Where an exposition is cut into pieces. The event loop runs other tasks between two of them.
 *
 * @module
 */

/** The approximate size of a piece, in characters or bytes. */
const PIECE = 16_384
/** A piece ends after so many series, too, because most of them may be free. */
const SERIES_PER_PIECE = 4096

/** Returns whether a piece of this length ends before the series with this number. */
export function endsBefore(series: number, length: number): boolean {
  return length >= PIECE || series % SERIES_PER_PIECE === SERIES_PER_PIECE - 1
}
