/**
 * A program in a pseudo-terminal, and what a person would see there: python3 makes the pseudo-terminal, and xterm.js is the terminal.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import xterm from '@xterm/headless'

const PTY = join(import.meta.dirname, 'pseudo-terminal.py')

/** How long a screen may take to become as a test expects it. */
const MOST_MS = 200_000

/** How a program has left its terminal. */
export interface Left {
  /** Its exit status; negative if a signal ended it. */
  status: number
  /** Whether what is typed is shown and read in lines, as a shell wants it. */
  isRestored: boolean
}

/** A program in a pseudo-terminal. */
export class ProgramInTerminal {
  readonly terminal: xterm.Terminal
  /** All bytes that the terminal got. */
  output = ''
  readonly ended: Promise<Left>
  readonly #child: ChildProcess
  #onOutput: () => void = () => undefined

  constructor(
    command: readonly string[],
    columns: number,
    rows: number,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
    this.#child = spawn('python3', [PTY, String(columns), String(rows), ...command], {
      env: { ...env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'inherit', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (bytes: Buffer) => {
      this.output += bytes.toString('latin1')
      this.terminal.write(bytes, () => {
        this.#onOutput()
      })
    })
    this.ended = this.#end()
  }

  async #end(): Promise<Left> {
    let last = ''
    const result = this.#child.stdio[4] as Readable
    result.setEncoding('utf8').on('data', (text: string) => (last += text))
    await once(this.#child, 'close')
    const [status = '', echoes, readsLines] = last.trim().split(' ')
    return { status: Number(status), isRestored: echoes === 'True' && readsLines === 'True' }
  }

  /** The lines of the screen, without the spaces at their ends. */
  get lines(): string[] {
    const { active } = this.terminal.buffer
    return Array.from({ length: this.terminal.rows }, (_, y) =>
      (active.getLine(active.viewportY + y)?.translateToString(true) ?? '').trimEnd(),
    )
  }

  get text(): string {
    return this.lines.join('\n')
  }

  /** Whether the program has the alternate screen, and has hidden the cursor. */
  get hasScreen(): boolean {
    return this.terminal.buffer.active.type === 'alternate'
  }

  get hidesCursor(): boolean {
    return this.output.lastIndexOf('\x1b[?25l') > this.output.lastIndexOf('\x1b[?25h')
  }

  type(keys: string | Buffer): void {
    this.#child.stdin?.write(keys)
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows)
    ;(this.#child.stdio[3] as Writable).write(`${columns} ${rows}\n`)
  }

  /** Sends the program a signal. */
  signal(name: NodeJS.Signals): void {
    ;(this.#child.stdio[3] as Writable).write(`${constants.signals[name]}\n`)
  }

  /** Resolves when the screen fulfils a condition. @throws Error with the screen if it does not, or if the program ends. */
  until(condition: (text: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        reject(new Error(`${why}; the screen was:\n${this.text}`))
      }
      const bound = setTimeout(fail, MOST_MS, `the screen is not as expected: ${String(condition)}`)
      this.#onOutput = (): void => {
        if (!condition(this.text)) return
        clearTimeout(bound)
        resolve()
      }
      void this.ended.then(({ status }) => {
        fail(`the program ended with ${status}`)
      })
      this.#onOutput()
    })
  }

  /** Ends the program, whatever it does. */
  async end(): Promise<void> {
    this.#child.kill('SIGHUP')
    await this.ended
  }
}
