/**
 * Lays out the output of the commands.
 *
 * @module
 */
import { UNPRINTABLE } from '../core/printable.js'

const WIDTH = 100
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const SECONDS: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]
/** Characters that take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** Text that may be anybody's, for a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?')
}

/** Prints an error or a warning, which may hold names that are anybody's. */
export function complain(text: string): void {
  const safe = text.replace(UNPRINTABLE, (one) => (one === '\n' || one === '\t' ? one : '?'))
  console.error(`rseq: ${safe}`)
}

/** Writes a number of bytes with three digits or so: 1536 becomes `1.5 KiB`. */
export function bytesText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, Math.abs(bytes))) / 10))
  const value = bytes / 1024 ** unit
  return `${Math.abs(value) >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${UNITS[unit] ?? 'B'}`
}

/** Writes how long ago something was, in its greatest unit. */
export function ageText(since: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000)
  const [unit, length] = SECONDS.find(([, least]) => seconds >= least) ?? ['s', 1]
  return `${Math.floor(seconds / length)} ${unit}`
}

/** A total with commas, or what stands for one that is none. */
export function totalText(total: number | null): string {
  return total === null ? 'not a number' : grouped(total)
}

/** Writes a number with three digits or so: 12345 becomes `12.3k`. */
export function shortText(value: number): string {
  const size = Math.abs(value)
  const power = size < 1000 ? 0 : Math.min(5, Math.floor(Math.log10(size) / 3))
  const scaled = value / 1000 ** power
  // 999.96 has no tenth of its own: it would be written as 1000.0.
  const digits = Number.isInteger(scaled) || Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 1 ? 1 : 2
  if (Math.abs(scaled) >= 1e6) return value.toExponential(2)
  return `${scaled.toFixed(digits)}${['', 'k', 'M', 'G', 'T', 'P'][power] ?? ''}`
}

/** Lays out labels and texts in two columns. A text that is too long for its line goes on in its column below. */
export function table(rows: readonly (readonly [label: string, text: string])[]): string {
  const indent = Math.max(...rows.map(([label]) => label.length)) + 4
  const lines = rows.map(([label, text]) => {
    const wrapped = wrap(text, WIDTH - indent).join(`\n${' '.repeat(indent)}`)
    return `  ${label.padEnd(indent - 2)}${wrapped}`
  })
  return lines.join('\n')
}

/** Breaks text at its spaces into lines of at most `width` characters, where its words allow that. */
export function wrap(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

/** Writes a number with commas between groups of three digits: 1234567 becomes 1,234,567. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** Writes a count with its noun in the singular or plural: "1 file", "2 files". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`
}

const ASCII = /^[ -~]*$/
const ESCAPES = /\x1b\[[0-9;]*m/g

/** The number of columns that a text takes: without the escapes that colour it. */
export function widthOf(text: string): number {
  const visible = text.replace(ESCAPES, '')
  if (ASCII.test(visible)) return visible.length
  let width = 0
  for (const character of visible) width += WIDE.test(character) ? 2 : 1
  return width
}

/** Cuts text without escapes to a width, and marks the cut by an ellipsis. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const character of text) {
    left -= widthOf(character)
    if (left < 0) break
    kept += character
  }
  return width <= 0 ? '' : `${kept}…`
}

/** Cuts text without escapes to a width, or fills it up with spaces: on its left side if `isRight`. */
export function fit(text: string, width: number, isRight = false): string {
  const kept = cut(text, width)
  const space = ' '.repeat(Math.max(0, width - widthOf(kept)))
  return isRight ? space + kept : kept + space
}

/** Lays out rows in columns under their headings. `right` has the numbers of the columns that are aligned to the right. */
export function columns(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const all = [headings, ...rows]
  const widths = headings.map((_, k) => Math.max(...all.map((row) => widthOf(row[k] ?? ''))))
  const lines = all.map((row) =>
    row.map((text, k) => {
      const space = ' '.repeat((widths[k] ?? 0) - widthOf(text))
      return right.includes(k) ? space + text : text + space
    }),
  )
  return lines.map((row) => row.join('  ').trimEnd()).join('\n')
}

/** Text for a terminal: what could steer it, or is no UTF-8, is escaped. */
export function escaped(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffd]/g,
    (one) => {
      const code = one.codePointAt(0) ?? 0
      return one === '\n'
        ? '\\n'
        : code > 0xff
          ? `\\u${code.toString(16)}`
          : `\\x${code.toString(16).padStart(2, '0')}`
    },
  )
}

const NS_PER_MS = 1_000_000n

/** A time to the microsecond, or the stamp where nothing says what time it is. */
export function timeText({ time, stamp }: { time: bigint | null; stamp: bigint }): string {
  if (time === null || time < 0n) return `@${stamp}`
  const ms = Number(time / NS_PER_MS)
  if (ms > 8.64e15) return `@${stamp}`
  const micros = String((Number(time % NS_PER_MS) / 1000) | 0).padStart(3, '0')
  return new Date(ms).toISOString().replace('Z', `${micros}Z`)
}
