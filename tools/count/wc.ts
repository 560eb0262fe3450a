/**
 * The `wc` of this machine: the rule by which it finds words, and its counts of the files.
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

/** Returns the first three numbers of a line of `wc`; null if the line does not begin with three numbers. */
function parseTotals(line: string): Totals | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)(\s|$)/.exec(line)
  if (match === null) return null
  const [lines, words, bytes] = match.slice(1, 4).map(Number) as [number, number, number]
  return { lines, words, bytes }
}

/**
 * The parts of a text in which each kind of `wc` counts a different number of words. Each part asks
 * one question. Its text is repeated `weight` times, so that the sum of the words shows each answer.
 */
const QUESTIONS = {
  /** Is a control character a word? It is none if words must begin with a printable character. */
  nonSpace: { text: '\x01 ', weight: 1 },
  /** Are bytes beyond ASCII decoded? Then the text has a space of Unicode, and is two words. */
  utf8: { text: 'a\u2003b ', weight: 2 },
  /** Does a no-break space end words? Then the text is two words. */
  noBreak: { text: 'a\u00a0b ', weight: 4 },
  /** Which versions of Unicode does the C library know? The text has one word for each of them. */
  unicode: { text: `${NEWCOMERS.join(' ')} `, weight: 8 },
} as const

/** The text that `wc` is asked to count. */
export const RIDDLE = Object.values(QUESTIONS)
  .map(({ text, weight }) => text.repeat(weight))
  .join('\n')

/** The words of the riddle that every `wc` counts: one in each text of the second and of the third question. */
const CERTAIN_WORDS = QUESTIONS.utf8.weight + QUESTIONS.noBreak.weight

/** Returns the counts that a `wc` with this rule prints for a text. */
export function countText(text: string, rule: WordRule): Totals {
  const bytes = Buffer.from(text)
  const counter = new TextCounter(rule)
  counter.begin()
  counter.count(bytes, bytes.length)
  counter.end()
  return { lines: counter.lines, words: counter.words, bytes: bytes.length }
}

/** Returns the rule of a `wc` that answers the {@link RIDDLE} with these totals; null if no known rule does. */
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

/** The result of asking `wc` for its rule. */
export interface WcRule {
  /** Whether the machine has a `wc`. */
  found: boolean
  /** The rule by which it counts words; null if the rule is unknown. */
  rule: WordRule | null
}

/** Asks `wc` for its rule in the environment's locale. Blocks the thread for some milliseconds. */
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

/** The result of running `wc` over files. */
export interface WcRun {
  /** The totals; null if `wc` printed none. */
  totals: Totals | null
  /** The first error message; empty if `wc` printed none. */
  complaint: string
}

/** The characters to keep of the end of the output and of the beginning of the error messages. Any line is shorter. */
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
  // If `wc` ends before it has read its input, its status explains more than the error of the broken pipe.
  const fed = pipeline(Readable.from(input), wc.stdin).catch(() => undefined)
  const [status, signal] = (await once(wc, 'close')) as [number | null, NodeJS.Signals | null]
  await fed
  if (status === 0) complaint = ''
  else if (complaint === '') complaint = `wc ended with ${signal ?? `status ${String(status)}`}`
  const lastLine = output.trimEnd().split('\n').at(-1) ?? ''
  return { totals: parseTotals(lastLine), complaint: complaint.split('\n')[0] ?? '' }
}

/** An empty file that is named last, so that `wc` always gets two files and prints a line of totals. */
const NO_TEXT = '/dev/null'

function* terminated(paths: Iterable<Buffer>): Generator<Buffer> {
  for (const path of paths) yield Buffer.concat([path, Buffer.of(0)])
  yield Buffer.from(`${NO_TEXT}\0`)
}

/** Every system accepts this many bytes of arguments. */
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
 * Lets `wc` count the files. GNU `wc` reads all names from its input. Any other `wc` gets the names as
 * arguments, in batches.
 *
 * @param paths - makes a new pass over the same paths each time.
 * @throws Error if there is no `wc` that can be run.
 */
export async function countByWc(paths: () => Iterable<Buffer>): Promise<WcRun> {
  const run = await runWc(['--files0-from=-'], terminated(paths()))
  return run.totals === null ? runInBatches(paths()) : run
}
