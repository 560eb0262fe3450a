/**
 * How the commands lay out what they say.
 *
 * @module
 */

const WIDTH = 100

/** Lines of labels and texts, the texts aligned; long ones are wrapped under themselves. */
export function table(rows: readonly (readonly [label: string, text: string])[]): string {
  const indent = Math.max(...rows.map(([label]) => label.length)) + 4
  const lines = rows.map(([label, text]) => {
    const wrapped = wrap(text, WIDTH - indent).join(`\n${' '.repeat(indent)}`)
    return `  ${label.padEnd(indent - 2)}${wrapped}`
  })
  return lines.join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

/** 1234567 as 1,234,567. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
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

/** "1 file", "2 files". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A name that a terminal can be shown: control characters written out. */
export function printableName(name: string): string {
  return name.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1))
}
