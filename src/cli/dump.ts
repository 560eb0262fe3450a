/**
 * `rseq dump` prints the records of a ring of a service, as they are in its file.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { SHM } from '../core/service-files.js'
import type { RingFile, SeenRecord } from '../inspect/index.js'
import { jsonText } from '../core/printable.js'
import { complain, escaped, timeText } from './text.js'

const FORMATS = ['text', 'json', 'hex'] as const
type Format = (typeof FORMATS)[number]

interface Options {
  format: Format
  directory?: string
  generation?: string
  follow?: true
  last?: number
  since?: bigint
}

/** How often a followed ring is looked at, in milliseconds. */
const LOOK_MS = 100
const HEX_WIDTH = 16
const NS_PER_MS = 1_000_000n
const UNITS: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > Number.MAX_SAFE_INTEGER) {
    throw new InvalidArgumentError('Expected a whole number of records, 1 or more.')
  }
  return count
}

/** The nanoseconds since 1970 of a date, or of a time that long ago. */
function parseSince(text: string): bigint {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|min|h|d)$/.exec(text) ?? []
  const ms = unit === undefined ? Date.parse(text) : Date.now() - Number(number) * (UNITS[unit] ?? 1)
  if (!Number.isFinite(ms)) {
    throw new InvalidArgumentError(
      'Expected a date, such as 2026-11-29T06:00:00Z, or an age, such as 10s, 5min, 2h or 1d.',
    )
  }
  return BigInt(Math.round(ms)) * NS_PER_MS
}

/** The content as text. */
function contentText({ bytes }: SeenRecord): string {
  return escaped(bytes.toString('utf8'))
}

function hexLines({ bytes }: SeenRecord): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += HEX_WIDTH) {
    const part = bytes.subarray(at, at + HEX_WIDTH)
    const hex = part.toString('hex').replace(/..(?=.)/g, '$& ')
    const text = part.toString('latin1').replace(/[^ -~]/g, '.')
    lines.push(`  ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(3 * HEX_WIDTH)} ${text}`)
  }
  return lines
}

function headText(record: SeenRecord): string {
  const marks = `${record.overflow ? ' overflow' : ''}${record.truncated ? ' truncated' : ''}`
  return `${timeText(record)} cpu ${record.cpu} thread ${record.thread}${marks}`
}

/** A record in a format, without the end of its last line. */
export function formatRecord(record: SeenRecord, format: Format): string {
  switch (format) {
    case 'text':
      return `${headText(record)}: ${contentText(record)}`
    case 'hex':
      return [`${headText(record)}: ${record.bytes.length} bytes`, ...hexLines(record)].join('\n')
    case 'json': {
      const { bytes, time, stamp, ...rest } = record
      const text = bytes.toString('utf8')
      // Bytes that are no UTF-8 do not survive the way through a string.
      const content = Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }
      return jsonText({
        time: time === null ? null : String(time),
        stamp: String(stamp),
        ...rest,
        ...content,
      })
    }
  }
}

function print(lines: readonly string[]): boolean {
  return lines.length === 0 || process.stdout.write(`${lines.join('\n')}\n`)
}

/** Prints the records that one look gives. Resolves when the reader of the output has taken them. */
async function show(ring: RingFile, options: Options): Promise<void> {
  const { records, lost, problems } = ring.look()
  for (const problem of problems) complain(problem)
  if (lost > 0) complain(`${lost} bytes of records were overwritten before they could be read`)
  const { since, last, format } = options
  const wanted = since === undefined ? records : records.filter(({ time }) => time === null || time >= since)
  const lines = wanted.slice(last === undefined ? 0 : -last).map((record) => formatRecord(record, format))
  if (!print(lines)) await new Promise((resolve) => process.stdout.once('drain', resolve))
}

async function run(given: string, options: Options): Promise<void> {
  const { RingFile, findObject } = await import('../inspect/index.js')
  const ring = new RingFile(findObject(given, 'ring', options))
  try {
    await show(ring, options)
    if (!options.follow) return
    const stop = new AbortController()
    process.once('SIGINT', () => {
      stop.abort()
    })
    const following = { ...options }
    delete following.last
    while (!stop.signal.aborted && ring.isThere()) {
      await pause(LOOK_MS)
      await show(ring, following)
    }
  } finally {
    ring.close()
  }
}

export function addDump(program: Command): void {
  program
    .command('dump')
    .description('print the records of a ring of a service, without taking them from its reader')
    .argument('<object>', 'SERVICE/RING, or the path of a ring in a directory or in a copy of one')
    .addOption(new Option('--format <format>', 'how records are printed').choices(FORMATS).default('text'))
    .option('--last <count>', 'only so many of the last records', parseCount)
    .option('--since <when>', 'only records from a date or an age on, such as 10s or 5min', parseSince)
    .option('--follow', 'go on with what is written, until SIGINT')
    .option(
      '--generation <hash>',
      'which generation of the ring, if there are several: the newest by default',
    )
    .option('--directory <path>', 'where services are', SHM)
    .action(run)
}
