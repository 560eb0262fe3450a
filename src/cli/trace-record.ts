/**
 * `rseq trace record` writes the events of a service to rotated files while they come.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Command, InvalidArgumentError, type Option } from 'commander'
import type { Level } from '../trace/schema.js'
import { interruption } from './interruption.js'
import { complain, counted } from './text.js'

/** How often the rings are read, in milliseconds. */
const LOOK_MS = 50
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }
/** The least and the most bytes of a file: some packets, and what a number of 32 bits can say in pages. */
const LEAST_SIZE = 2 ** 18
const MOST_SIZE = 2 ** 40
const MOST_FILES = 10_000_000

interface Choice {
  directory?: string
  level: Level
  maxSize: number
  maxFiles: number
}

async function record(given: string, out: string, pattern: string, options: Choice): Promise<void> {
  const { findService } = await import('../inspect/index.js')
  const { Recorder } = await import('../trace/recorder/recorder.js')
  const { checkPattern } = await import('../trace/switches.js')
  const { directory, level, maxSize, maxFiles } = options
  const choice = { pattern: checkPattern(pattern), level }
  const place = findService(given, directory)
  let recorder
  try {
    recorder = new Recorder(place, out, { maxSize, maxFiles }, choice)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`out: expected a path where nothing is, got ${out}`, { cause: error })
  }
  const stop = new AbortController()
  void interruption().then(() => {
    stop.abort()
  })
  const told = new Set<string>()
  const tell = (problems: readonly string[]): void => {
    for (const problem of problems) if (!told.has(problem)) complain(problem)
    for (const problem of problems) told.add(problem)
  }
  try {
    for (let isFirst = true; recorder.look() && !stop.signal.aborted; isFirst = false) {
      if (isFirst) console.log(`Recording ${place.path} into ${out}, until SIGINT or SIGTERM.`)
      tell(recorder.problems)
      await pause(LOOK_MS, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    if (!recorder.end()) process.exitCode = 1
    tell(recorder.problems)
    for (const text of recorder.missing()) complain(text)
    console.log(`${counted(recorder.events, 'event')} in ${out}`)
  }
}

function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,12})([KMG]?)$/.exec(text) ?? []
  const bytes = digits === '' ? NaN : Number(digits) * (UNITS[unit] ?? NaN)
  // The last word of a packet's size must not cross a page: packets, and therefore files, end at multiples of 8.
  if (bytes >= LEAST_SIZE && bytes <= MOST_SIZE) return Math.floor(bytes / 8) * 8
  throw new InvalidArgumentError('Expected bytes from 256K to 1024G, such as 64M.')
}

function parseFiles(text: string): number {
  const count = Number(text)
  if (/^\d{1,8}$/.test(text) && count >= 1 && count <= MOST_FILES) return count
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_FILES}.`)
}

/** Adds the command to `rseq trace`. */
export function addTraceRecord(
  trace: Command,
  texts: { service: string; pattern: string; directory: readonly [string, string, string]; level: Option },
): void {
  trace
    .command('record')
    .description('write the events into rotated files (CTF) while they come, until SIGINT or SIGTERM')
    .argument('<service>', texts.service)
    .argument('<out>', 'the directory, which is made; babeltrace2 reads it at any time, also after a SIGKILL')
    .argument('[pattern]', texts.pattern, '*')
    .addOption(texts.level)
    .option('--max-size <bytes>', 'the size of a file: 256K to 1024G', parseSize, 64 * 2 ** 20)
    .option('--max-files <n>', 'how many files of each CPU are kept; by default all', parseFiles, Infinity)
    .option(...texts.directory)
    .action(record)
}
