/**
 * Lines of a terminal as text, where no library draws them.
 *
 * @module
 */
import type { Style } from '../style.js'
import type { Line } from './frame.js'

/** A line as text, marked up by a style, which has no inverse text. */
export function textOf(line: Line, style: Style): string {
  const marks = { ...style, plain: (text: string) => text, inverse: (text: string) => text }
  return line.map(({ text, look }) => marks[look](text)).join('')
}
