/**
 * The `wc` of this machine: which rule it tells words by, and what it counts in the same files.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { WordRule } from './characters.js'
import { NEWCOMERS } from './unicode-ages.js'
import { TextCounter } from './words.js'

/** What `wc` prints, in its order. */
export interface Totals {
  lines: number
  words: number
  bytes: number
}

/** The first three numbers of a line of `wc`; null if there are none. */
function parseTotals(line: string): Totals | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)(\s|$)/.exec(line)
  if (match === null) return null
  const [lines, words, bytes] = match.slice(1, 4).map(Number) as [number, number, number]
  return { lines, words, bytes }
}

/**
 * A text whose words each kind of `wc` numbers differently: it is the sum of the answers to the
 * questions below, each of which has a weight of its own.
 */
const QUESTIONS = {
  /** Is a control character a word? Not to those that want it printable. */
  nonSpace: { text: '\x01 ', weight: 1 },
  /** Two words, if bytes beyond ASCII are decoded to a space of Unicode. */
  utf8: { text: 'a\u2003b ', weight: 2 },
  /** Two words, if a no-break space ends words. */
  noBreak: { text: 'a\u00a0b ', weight: 4 },
  /** A word for each version of Unicode that the C library knows. */
  unicode: { text: `${NEWCOMERS.join(' ')} `, weight: 8 },
} as const

/** What `wc` is asked. */
export const RIDDLE = Object.values(QUESTIONS)
  .map(({ text, weight }) => text.repeat(weight))
  .join('\n')

/** The words of the riddle that everybody sees: one for the second and for the third question. */
const CERTAIN_WORDS = QUESTIONS.utf8.weight + QUESTIONS.noBreak.weight

/** What a `wc` of the rule would print for a text. */
export function countText(text: string, rule: WordRule): Totals {
  const bytes = Buffer.from(text)
  const counter = new TextCounter(rule)
  counter.begin()
  counter.count(bytes, bytes.length)
  counter.end()
  return { lines: counter.lines, words: counter.words, bytes: bytes.length }
}

/** The rule of whoever counts so much in the {@link RIDDLE}; null if it is none that is known here. */
export function ruleOf(answer: Totals): WordRule | null {
  const uncertain = answer.words - CERTAIN_WORDS
  const rule: WordRule = {
    words: (uncertain & QUESTIONS.nonSpace.weight) !== 0 ? 'non-space' : 'printable',
    encoding: (uncertain & QUESTIONS.utf8.weight) !== 0 ? 'utf-8' : 'bytes',
    noBreakSpaces: (uncertain & QUESTIONS.noBreak.weight) !== 0,
    newerUnicode: Math.floor(uncertain / QUESTIONS.unicode.weight),
  }
  return sameTotals(answer, countText(RIDDLE, rule)) ? rule : null
}

/** What asking `wc` gave. */
export interface WcRule {
  /** There is a `wc`. */
  found: boolean
  /** The rule it tells words by; null if it is none that is known here. */
  rule: WordRule | null
}

/** Asks `wc` for its rule, in the locale of the environment. Some milliseconds; blocks. */
export function askWc(environment: NodeJS.ProcessEnv = process.env): WcRule {
  const { error, stdout } = spawnSync('wc', {
    input: RIDDLE,
    encoding: 'utf8',
    timeout: 10_000,
    env: environment,
  })
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return { found: false, rule: null }
  const answer = parseTotals(stdout)
  return { found: true, rule: answer === null ? null : ruleOf(answer) }
}

export function sameTotals(a: Totals, b: Totals): boolean {
  return a.lines === b.lines && a.words === b.words && a.bytes === b.bytes
}

/** What came of running `wc` over files. */
export interface WcRun {
  /** Null if it printed none. */
  totals: Totals | null
  /** What it had to complain about; empty if nothing. */
  complaint: string
}

/** Enough of an output to have its last line, and of a complaint to have its first. */
const LONGEST_LINE = 8192

async function runWc(args: readonly string[], input: Iterable<Buffer>): Promise<WcRun> {
  const wc = spawn('wc', args)
  let output = ''
  let complaint = ''
  wc.stdout.setEncoding('latin1').on('data', (text: string) => {
    output = (output + text).slice(-LONGEST_LINE)
  })
  wc.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, LONGEST_LINE)
  })
  // If it ends before it has read its input, its status says more than the broken pipe.
  const fed = pipeline(Readable.from(input), wc.stdin).catch(() => undefined)
  const [status, signal] = (await once(wc, 'close')) as [number | null, NodeJS.Signals | null]
  await fed
  if (status === 0) complaint = ''
  else if (complaint === '') complaint = `wc ended with ${signal ?? `status ${String(status)}`}`
  const lastLine = output.trimEnd().split('\n').at(-1) ?? ''
  return { totals: parseTotals(lastLine), complaint: complaint.split('\n')[0] ?? '' }
}

/** Named last, so that there are always two files and therefore a line of totals. */
const NO_TEXT = '/dev/null'

function* terminated(paths: Iterable<Buffer>): Generator<Buffer> {
  for (const path of paths) yield Buffer.concat([path, Buffer.of(0)])
  yield Buffer.from(`${NO_TEXT}\0`)
}

/** Bytes of arguments that every system lets one pass. */
const BATCH = 64 * 1024

function* batches(paths: Iterable<Buffer>): Generator<string[]> {
  let batch: string[] = []
  let size = 0
  for (const path of paths) {
    if (size + path.length > BATCH && batch.length > 0) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(path.toString())
    size += path.length + 1
  }
  yield batch
}

async function runInBatches(paths: Iterable<Buffer>): Promise<WcRun> {
  const sum: Totals = { lines: 0, words: 0, bytes: 0 }
  for (const batch of batches(paths)) {
    const { totals, complaint } = await runWc(['--', ...batch, NO_TEXT], [])
    if (totals === null || complaint !== '') return { totals: null, complaint }
    sum.lines += totals.lines
    sum.words += totals.words
    sum.bytes += totals.bytes
  }
  return { totals: sum, complaint: '' }
}

/**
 * Has `wc` count the files: in one go where it reads names from its input, as GNU `wc` does, and a
 * batch of arguments at a time elsewhere.
 *
 * @param paths - makes a new pass over the same paths each time.
 * @throws Error if there is no `wc` that can be run.
 */
export async function countByWc(paths: () => Iterable<Buffer>): Promise<WcRun> {
  const run = await runWc(['--files0-from=-'], terminated(paths()))
  return run.totals === null ? runInBatches(paths()) : run
}
