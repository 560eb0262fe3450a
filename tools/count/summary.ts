/**
 * The text that the word counter prints at its end.
 *
 * @module
 */
import { type Colours, bytesText, counted, grouped } from '../text.js'
import type { Check, Outcome, Share } from './outcome.js'
import type { Totals } from './wc.js'

const BAR_CELLS = 32
/** Eighths of a cell, so that small shares can be told apart. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

function bar(share: number): string {
  const eighths = Math.round(share * BAR_CELLS * 8)
  return ('█'.repeat(eighths >> 3) + (EIGHTHS[eighths & 7] ?? '')).padEnd(BAR_CELLS)
}

function shareLines({ shares, bytes, backend }: Outcome, style: Colours): string[] {
  const owner = backend === 'native' ? 'CPU' : 'shard'
  const nameOf = ({ cpu }: Share): string => (cpu === null ? 'overflow' : `${owner} ${cpu}`)
  const width = Math.max(...shares.map((share) => nameOf(share).length))
  return shares.map((share) => {
    // A shard may be below 0 if a worker moved to another CPU before its file failed.
    const part = bytes === 0 ? 0 : Math.min(1, Math.max(0, share.bytes / bytes))
    const percent = `${(100 * part).toFixed(1)} %`.padStart(7)
    const amount = `${bytesText(share.bytes)} in ${counted(share.files, 'file')}`
    return `  ${nameOf(share).padEnd(width)}  ${style.green(bar(part))} ${percent}  ${style.dim(amount)}`
  })
}

function totalsText({ lines, words, bytes }: Totals): string {
  return `${counted(lines, 'line')}, ${counted(words, 'word')}, ${counted(bytes, 'byte')}`
}

function totalLines(outcome: Outcome, style: Colours): string[] {
  const { lines, words, bytes, files } = outcome
  const rows = Object.entries({ lines, words, bytes, files })
  const width = Math.max(...rows.map(([, value]) => grouped(value).length))
  return rows.map(([name, value]) => `  ${name.padEnd(5)}  ${style.bold(grouped(value).padStart(width))}`)
}

function speedLine({ files, bytes, seconds, workers, backend, tier }: Outcome): string {
  const perSecond = `${grouped(Math.round(files / seconds))} files and ${bytesText(bytes / seconds)} per second`
  const how = `${counted(workers, 'worker')}, ${backend} backend, ${tier} tier`
  return `  ${perSecond}: ${seconds.toFixed(2)} s with ${how}`
}

function checkLine({ equal, wc, reason }: Check, style: Colours): string {
  if (wc === null) return style.red(`not compared with wc: ${reason ?? ''}`)
  if (equal) return style.green(`equal to wc: ${totalsText(wc)}`)
  return style.red(`not equal to wc: ${reason ?? ''} (wc: ${totalsText(wc)})`)
}

/** Describes an outcome without its failures, which go to standard error. */
export function describe(outcome: Outcome, style: Colours): string {
  const parts = [totalLines(outcome, style)]
  if (outcome.files > 0) {
    const owner = outcome.backend === 'native' ? "Each CPU's" : "Each thread's"
    parts.push([`${owner} share of the bytes:`, ...shareLines(outcome, style)], [speedLine(outcome)])
  }
  if (outcome.check !== null) parts.push([checkLine(outcome.check, style)])
  return parts.map((lines) => lines.join('\n')).join('\n\n')
}
