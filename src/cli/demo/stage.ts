/**
 * Where `rseq demo` shows something: a block of lines at the end of a terminal that changes in place, or plain lines, or nothing.
 *
 * The terminal is not taken as a whole, as `rseq top` does: what was shown is to stay in it. So this needs no package.
 *
 * @module
 */
import { clearLine, clearScreenDown, cursorTo, moveCursor } from 'node:readline'
import { type Style, styleOf } from '../style.js'
import { wrap } from '../text.js'
import { type Line, bounded, showsUtf8 } from '../top/frame.js'
import { textOf } from '../top/line-text.js'

/** The most columns that lines take: longer ones are hard to read. */
const WIDEST = 110
/** The columns of lines where nobody says how many there are. */
const USUAL_WIDTH = 100
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

/** The characters that stand for states, and those of bars. */
export interface Glyphs {
  readonly right: string
  readonly wrong: string
  readonly alive: string
  readonly starting: string
  readonly killed: string
  readonly done: string
  readonly todo: string
  /** A full cell of a bar. */
  readonly full: string
  /** Parts of a cell, from the smallest. */
  readonly parts: readonly string[]
  /** The end of a bar that is longer than its line. */
  readonly cutBar: string
  readonly dot: string
}

const UTF8: Glyphs = {
  ...{ right: '✔', wrong: '✘', alive: '●', starting: '○', killed: '✘', done: '━', todo: '─' },
  ...{ full: '█', parts: ['▏', '▎', '▍', '▌', '▋', '▊', '▉'], cutBar: '▶', dot: '·' },
}
const ASCII: Glyphs = {
  ...{ right: 'ok', wrong: 'WRONG', alive: 'o', starting: '.', killed: 'x', done: '=', todo: '-' },
  ...{ full: '#', parts: ['#'], cutBar: '>', dot: '-' },
}

/** A bar of `share` (0 to 1) of `room` columns. What is not nothing is seen. */
export function bar(share: number, room: number, { full, parts }: Glyphs): string {
  const steps = parts.length + 1
  const all = Math.max(share > 0 ? 1 : 0, Math.round(Math.min(1, share) * room * steps))
  const rest = all % steps
  return full.repeat(Math.floor(all / steps)) + (rest === 0 ? '' : (parts[rest - 1] ?? ''))
}

/** How the demo is shown. */
export type Manner = 'live' | 'plain' | 'silent'

/** The place at which the demo is shown. */
export class Stage {
  readonly manner: Manner
  readonly glyphs = showsUtf8() ? UTF8 : ASCII
  readonly #output: NodeJS.WriteStream
  readonly #style: Style
  /** The lines of the block that changes. */
  #block = 0
  readonly #restore = (): void => {
    this.close()
  }

  constructor(output: NodeJS.WriteStream, manner: Manner) {
    this.#output = output
    this.manner = manner
    this.#style = styleOf(output)
    if (manner !== 'live') return
    output.write(HIDE_CURSOR)
    process.on('exit', this.#restore)
  }

  /** The columns that lines may take. */
  get width(): number {
    const { columns } = this.#output
    return this.manner === 'live' ? Math.max(20, Math.min(WIDEST, (columns || 80) - 1)) : USUAL_WIDTH
  }

  /** Shows lines that stay, in place of the block that changes. */
  print(lines: readonly Line[]): void {
    if (this.manner === 'silent') return
    this.#draw(lines)
    this.#block = 0
  }

  /** Shows the block that changes, in place of the one before. Plain lines have none. */
  live(lines: readonly Line[]): void {
    if (this.manner !== 'live') return
    // A block that is higher than the terminal could not be replaced.
    const room = Math.max(1, (this.#output.rows || 24) - 1)
    const shown = lines.slice(-room)
    this.#draw(shown)
    this.#block = shown.length
  }

  /** Says how it goes on, where no block shows it. */
  note(text: string): void {
    if (this.manner === 'plain') this.print([[{ text: `  ${text}`, look: 'plain' }]])
  }

  /** Prints a text that stays, over as many lines as it needs. */
  explain(text: string): void {
    this.print(wrap(text, this.width - 2).map((part): Line => [{ text: `  ${part}`, look: 'dim' }]))
  }

  #draw(lines: readonly Line[]): void {
    const output = this.#output
    const { width } = this
    const texts = lines.map((line) =>
      textOf(this.manner === 'live' ? bounded(line, width) : line, this.#style),
    )
    if (this.manner !== 'live') {
      if (texts.length > 0) output.write(`${texts.map((text) => text.trimEnd()).join('\n')}\n`)
      return
    }
    // All at once, so that no half of a picture is seen.
    output.cork()
    cursorTo(output, 0)
    if (this.#block > 0) moveCursor(output, 0, -this.#block)
    for (const text of texts) {
      output.write(text)
      clearLine(output, 1)
      output.write('\n')
    }
    clearScreenDown(output)
    output.uncork()
  }

  /** Gives the terminal back. What was shown stays. */
  close(): void {
    if (this.manner !== 'live') return
    process.off('exit', this.#restore)
    this.#output.write(SHOW_CURSOR)
  }
}
