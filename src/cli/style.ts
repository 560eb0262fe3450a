/**
 * Colours the output of the commands if it goes to a terminal and the user has not turned colours off.
 *
 * @module
 */

/** Functions that mark up text. The plain style returns the text unchanged. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
}

function escape(start: number, end: number): (text: string) => string {
  return (text) => `\x1b[${start}m${text}\x1b[${end}m`
}

const COLOURED: Style = {
  bold: escape(1, 22),
  dim: escape(2, 22),
  red: escape(31, 39),
  green: escape(32, 39),
}

const same = (text: string): string => text
const PLAIN: Style = { bold: same, dim: same, red: same, green: same }

/** The style for output to `stream`: coloured if it is a terminal, `TERM` is not `dumb` and `NO_COLOR` is empty or not set. */
export function styleOf(stream: NodeJS.WriteStream): Style {
  const { NO_COLOR, TERM } = process.env
  const wanted = (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
  return wanted && stream.isTTY ? COLOURED : PLAIN
}
