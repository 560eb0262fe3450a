/**
 * How the tools write numbers, names and colours.
 *
 * @module
 */
import picocolors from 'picocolors'

export type Colours = ReturnType<typeof picocolors.createColors>

/** Colours for output to `stream`: none unless it is a terminal, and none with NO_COLOR set. */
export function colours(stream: NodeJS.WriteStream): Colours {
  const { NO_COLOR, TERM } = process.env
  const refused = (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb'
  // A stream that is no terminal has no isTTY, and picocolors would take an undefined for a question to itself.
  const isTerminal = (stream.isTTY as boolean | undefined) ?? false
  return picocolors.createColors(!refused && isTerminal)
}

/** 1234567 as 1,234,567. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** "1 file", "2 files". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** Bytes in the unit that suits them, powers of 1000. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] as string}`
}

/** A name that a terminal can be shown: control characters written out. */
export function printableName(name: string): string {
  return name.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1))
}
