/**
 * Runs babeltrace2, and reads what it prints.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'

/** Why babeltrace2 cannot be run here; empty if it can. In CI it must be there. */
export const WHY_NO_BABELTRACE =
  process.env['CI'] !== undefined || spawnSync('babeltrace2', ['--version']).status === 0
    ? ''
    : 'babeltrace2 is not installed'

export type BabelValue = number | bigint | string | readonly BabelValue[]

/** An event as babeltrace2 prints it. */
export interface BabelEvent {
  /** Nanoseconds since 1970. */
  readonly time: bigint
  readonly name: string
  /** The fields of the packet's and the event's contexts, and those of the event itself. */
  readonly fields: Readonly<Record<string, BabelValue>>
}

/** Reads values in the text that babeltrace2 prints. */
class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  #take(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern.source, 'y')
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)
    if (found === null) return undefined
    this.#at = sticky.lastIndex
    return found[1] ?? found[0]
  }

  #expect(pattern: RegExp): string {
    const found = this.#take(pattern)
    if (found === undefined) throw new Error(`expected ${pattern.source} at ${this.#at} of ${this.#text}`)
    return found
  }

  value(): BabelValue {
    if (this.#take(/\[ ?/) !== undefined) {
      const values: BabelValue[] = []
      while (this.#take(/ ?\]/) === undefined) {
        this.#take(/, /)
        this.#expect(/\[\d+\] = /)
        values.push(this.value())
      }
      return values
    }
    const text = this.#take(/"((?:[^"\\]|\\.)*)"/)
    if (text !== undefined) return unescaped(text)
    // An enum: ( "label" : container = 3 )
    const label = this.#take(/\( "((?:[^"\\]|\\.)*)" : container = \d+ \)/)
    if (label !== undefined) return unescaped(label)
    const number = this.#expect(/-?[\d.]+(?:e[+-]?\d+)?|-?inf|-?nan/)
    if (/inf/.test(number)) return number.startsWith('-') ? -Infinity : Infinity
    const isWhole = /^-?\d+$/.test(number)
    return isWhole && !Number.isSafeInteger(Number(number)) ? BigInt(number) : Number(number)
  }

  /** The fields of all structures that follow. */
  fields(): Record<string, BabelValue> {
    const all: Record<string, BabelValue> = {}
    while (this.#take(/(?:, )?\{ ?/) !== undefined) {
      while (this.#take(/ ?\}/) === undefined) {
        this.#take(/, /)
        const name = this.#expect(/(\w+) = /)
        all[name] = this.value()
      }
    }
    return all
  }
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = {
    n: '\n',
    t: '\t',
    r: '\r',
    a: '\x07',
    b: '\b',
    f: '\f',
    v: '\v',
    e: '\x1b',
  }
  return text.replace(/\\(x[0-9a-f]{2}|.)/g, (_, code: string) =>
    code.startsWith('x') && code.length === 3
      ? String.fromCharCode(parseInt(code.slice(1), 16))
      : (named[code] ?? code),
  )
}

/** Reads a directory with traces. Returns the events in the order of their times, and what babeltrace2 says of discarded ones. */
export function babeltrace(directory: string): { events: BabelEvent[]; discarded: number; stderr: string } {
  const { status, stdout, stderr } = spawnSync('babeltrace2', ['--clock-seconds', directory], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  if (status !== 0) throw new Error(`babeltrace2 ended with ${String(status)}: ${stderr}`)
  const events = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, seconds = '', nanos = '', name = '', rest = ''] =
        /^\[(\d+)\.(\d{9})\] \([^)]*\) (?:\S+ )?(\S+): (.*)$/.exec(line) ?? []
      if (name === '') throw new Error(`unexpected line: ${line}`)
      return { time: BigInt(seconds + nanos), name, fields: new Reader(rest).fields() }
    })
  const discarded = [...stderr.matchAll(/Tracer discarded (\d+) events?/g)]
  return { events, discarded: discarded.reduce((sum, [, count]) => sum + Number(count), 0), stderr }
}
