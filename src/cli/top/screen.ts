/**
 * The whole terminal as a screen, by the package terminal-kit, which is loaded here only. It writes the cells that have changed, and
 * nothing else. Keys are read by `node:readline`: terminal-kit's own reader loops for ever on bytes that are no UTF-8.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { emitKeypressEvents } from 'node:readline'
import { widthOf } from '../text.js'
import type { Line, Look } from './frame.js'
import type { Key } from './view.js'

const PACKAGE = 'terminal-kit'

interface Attributes {
  bold?: boolean
  dim?: boolean
  inverse?: boolean
  color?: 'red' | 'green'
}

/** What is used of terminal-kit. */
interface Terminal {
  readonly width: number
  readonly height: number
  fullscreen(on: boolean): void
  hideCursor(hide: boolean): void
  styleReset(): void
  clear(): void
  on(event: 'resize', listener: () => void): void
}
interface ScreenBuffer {
  fill(options: { char: string }): void
  put(options: { x: number; y: number; wrap: false; attr: Attributes }, text: string): void
  draw(options: { delta: boolean }): void
}
interface TerminalKit {
  readonly terminal: Terminal
  readonly ScreenBuffer: new (options: { dst: Terminal; width: number; height: number }) => ScreenBuffer
}

const LOOKS: Readonly<Record<Look, Attributes>> = {
  plain: {},
  bold: { bold: true },
  dim: { dim: true },
  red: { color: 'red' },
  green: { color: 'green' },
  inverse: { inverse: true },
}
const WITHOUT_COLOUR: Readonly<Record<Look, Attributes>> = { ...LOOKS, red: { bold: true }, green: {} }

function load(): TerminalKit {
  try {
    return createRequire(import.meta.url)(PACKAGE) as TerminalKit
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new Error(
      `the live view needs the package ${PACKAGE}, which is not installed: npm install ${PACKAGE}; ` +
        '--once and --json need none',
      { cause: error },
    )
  }
}

/** What happens at the terminal. */
export interface ScreenEvents {
  readonly onKey: (key: Key) => void
  readonly onResize: () => void
}

/** The terminal, while a program has all of it. */
export class Screen {
  readonly #kit: TerminalKit
  readonly #looks: Readonly<Record<Look, Attributes>>
  readonly #onKey: (text: string | undefined, key: Key) => void
  readonly #restore = (): void => {
    this.close()
  }
  #buffer: ScreenBuffer | undefined
  #width = 0
  #height = 0
  #isOpen = false

  /** @throws Error that says how to install terminal-kit if it is missing. */
  constructor({ onKey, onResize }: ScreenEvents) {
    this.#kit = load()
    const { NO_COLOR } = process.env
    this.#looks = NO_COLOR === undefined || NO_COLOR === '' ? LOOKS : WITHOUT_COLOUR
    this.#onKey = (_, key) => {
      onKey(key)
    }
    this.#kit.terminal.on('resize', () => {
      this.#buffer = undefined
      if (this.#isOpen) onResize()
    })
  }

  get width(): number {
    return Math.max(1, this.#kit.terminal.width || 80)
  }

  get height(): number {
    return Math.max(1, this.#kit.terminal.height || 24)
  }

  /** Takes the terminal. {@link close} gives it back, as does the end of the process. */
  open(): void {
    this.#isOpen = true
    this.#buffer = undefined
    process.on('exit', this.#restore)
    const { terminal } = this.#kit
    terminal.fullscreen(true)
    terminal.hideCursor(true)
    if (!process.stdin.isTTY) return
    emitKeypressEvents(process.stdin)
    process.stdin.setRawMode(true)
    process.stdin.on('keypress', this.#onKey).resume()
  }

  /** Shows lines that fit on the screen. */
  draw(lines: readonly Line[]): void {
    if (!this.#isOpen) return
    const buffer = this.#bufferOf(this.width, this.height)
    buffer.fill({ char: ' ' })
    lines.forEach((line, y) => {
      let x = 0
      for (const { text, look } of line) {
        buffer.put({ x, y, wrap: false, attr: { ...this.#looks[look] } }, text)
        x += widthOf(text)
      }
    })
    buffer.draw({ delta: true })
  }

  #bufferOf(width: number, height: number): ScreenBuffer {
    if (this.#buffer === undefined || width !== this.#width || height !== this.#height) {
      this.#kit.terminal.clear()
      this.#buffer = new this.#kit.ScreenBuffer({ dst: this.#kit.terminal, width, height })
      this.#width = width
      this.#height = height
    }
    return this.#buffer
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    process.off('exit', this.#restore)
    if (process.stdin.isTTY) {
      process.stdin.off('keypress', this.#onKey).pause()
      process.stdin.setRawMode(false)
    }
    const { terminal } = this.#kit
    terminal.styleReset()
    terminal.hideCursor(false)
    terminal.fullscreen(false)
  }
}
