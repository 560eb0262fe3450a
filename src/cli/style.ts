/**
 * Colours, where a person is looking and wants them.
 *
 * @module
 */

/** Marks up text, or leaves it alone. */
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

/** The style for what is written to `stream`: plain unless it is a terminal, and with NO_COLOR set. */
export function styleOf(stream: NodeJS.WriteStream): Style {
  const { NO_COLOR, TERM } = process.env
  const wanted = (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
  return wanted && stream.isTTY ? COLOURED : PLAIN
}
