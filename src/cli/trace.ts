/**
 * `rseq trace` turns the events of a service's traces on and off, shows them as they come, and exports them for other tools.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { SHM } from '../core/service-files.js'
import type { ExportFormat, ReadEvent, ServiceTraces } from '../trace/export/index.js'
import type { Level } from '../trace/schema.js'
import type { EnableOptions } from '../trace/switches.js'
import { jsonText } from '../core/printable.js'
import { type Style, styleOf } from './style.js'
import { columns, complain, counted, escaped, timeText } from './text.js'
import { addTraceRecord } from './trace-record.js'

const FORMATS = [
  'ctf',
  'ctf2',
  'perfetto',
  'chrome',
  'json',
  'otlp',
] as const satisfies readonly ExportFormat[]
const LEVELS = ['critical', 'error', 'warning', 'info', 'debug'] as const satisfies readonly Level[]
/** How often a trace is looked at, in milliseconds. */
const LOOK_MS = 100
const MOST_SAMPLING = 2 ** 31 - 1
const MOST_RATE = 2 ** 20 - 1

interface Where {
  directory?: string
}

interface Choice extends Where {
  level: Level
}

/** Imported only when a command runs, so that `--help` is quick. */
async function openService(given: string, { directory }: Where): Promise<ServiceTraces> {
  const { findService } = await import('../inspect/index.js')
  const { tracesOf } = await import('../trace/export/index.js')
  const service = tracesOf(findService(given, directory))
  for (const problem of service.problems) complain(problem)
  if (service.traces.length === 0)
    throw new Error(`service: expected one with a trace, got ${service.place.path}, which has none`)
  return service
}

async function list(given: string, options: Where): Promise<void> {
  const { traces } = await openService(given, options)
  const { stateText } = await import('../trace/switches.js')
  const rows = traces.flatMap(({ description: { spec }, generation, controls }) =>
    spec.records.flatMap((record, k) => {
      const { event, phase, level, fields } = record
      if (phase === 'end') return []
      const state = stateText(controls[k], record)
      const end = phase === 'begin' ? (spec.records[k + 1]?.fields ?? []) : []
      const names = [...fields, ...end].map(({ name, type }) => `${name}: ${type}`).join(', ')
      return [
        [`${spec.name}:${event}`, level, state, phase === 'begin' ? 'span' : 'event', generation, names],
      ]
    }),
  )
  console.log(columns(['event', 'level', 'state', 'kind', 'trace', 'fields'], rows))
}

async function set(given: string, pattern: string, where: Where, options?: EnableOptions): Promise<void> {
  const service = await openService(given, where)
  const { setSwitches } = await import('../trace/export/index.js')
  const { checkPattern, checkWanted, wantedOff } = await import('../trace/switches.js')
  const wanted = options === undefined ? wantedOff(checkPattern(pattern)) : checkWanted(pattern, options)
  const names = setSwitches(service, wanted)
  if (names.length === 0) {
    const all = service.traces.flatMap(({ description: { spec } }) =>
      spec.records.map(({ event }) => `${spec.name}:${event}`),
    )
    throw new Error(
      `pattern: expected one that events match, got '${pattern}'; there are ${[...new Set(all)].join(', ')}`,
    )
  }
  console.log(`${options === undefined ? 'Off' : 'On'}: ${names.join(', ')}`)
}

function eventText(
  event: ReadEvent,
  { fullName, cutOf, plain }: Pick<typeof import('../trace/export/index.js'), 'fullName' | 'cutOf' | 'plain'>,
  style: Style,
): string {
  const { spec, time, cpu, pid, thread, span, fields, isMisfit } = event
  const phase = spec.phase === 'event' ? '' : ` ${spec.phase} of span ${span}`
  const values = fields
    .map((field) => ` ${style.dim(`${field.spec.name}=`)}${escaped(JSON.stringify(plain(field.value)))}`)
    .join('')
  const cut = cutOf(event)
  const marks = `${cut.length === 0 ? '' : ` cut: ${cut.join(', ')}`}${isMisfit ? ' misfit' : ''}`
  const isGrave = spec.level === 'critical' || spec.level === 'error'
  const level = isGrave
    ? style.red(spec.level)
    : spec.level === 'warning'
      ? style.bold(spec.level)
      : spec.level
  const head = `${style.dim(timeText({ time, stamp: time }))} ${style.green(fullName(event))}${phase} ${level}`
  return `${head} ${style.dim(`cpu ${cpu} pid ${pid} thread ${thread}`)}:${values}${style.red(marks)}`
}

async function tail(
  given: string,
  pattern: string,
  options: Choice & { format: 'text' | 'json' },
): Promise<void> {
  const service = await openService(given, options)
  const tools = await import('../trace/export/index.js')
  const { checkPattern } = await import('../trace/switches.js')
  const choice = { pattern: checkPattern(pattern), level: options.level }
  const titles = new tools.ProcessTitles(service.place)
  const style = styleOf(process.stdout)
  const open = service.traces.map((trace) => ({
    trace,
    ring: tools.openTraceRing(service.place, trace),
    isWanted: tools.filterOf(trace, choice),
  }))
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  try {
    while (!stop.signal.aborted && open.some(({ ring }) => ring.isThere())) {
      const events: ReadEvent[] = []
      for (const { trace, ring, isWanted } of open) {
        const { records, lost, problems } = ring.look()
        for (const problem of problems) complain(problem)
        if (lost > 0) complain(`${lost} bytes of events were overwritten before they could be read`)
        for (const record of records) {
          const event = tools.eventOf(trace, record)
          if (event !== undefined && isWanted(event.id)) events.push(event)
        }
      }
      events.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
      const lines = events.map((event) =>
        options.format === 'json'
          ? jsonText(tools.plainEvent(event, titles))
          : eventText(event, tools, style),
      )
      if (lines.length > 0 && !process.stdout.write(`${lines.join('\n')}\n`))
        await new Promise((resolve) => process.stdout.once('drain', resolve))
      await pause(LOOK_MS)
    }
  } finally {
    for (const { ring } of open) ring.close()
  }
}

async function exportTo(
  given: string,
  out: string,
  options: Choice & { format: ExportFormat; pattern: string; counter: string[]; migrations?: boolean },
): Promise<void> {
  const { format, pattern, level, counter: counters, migrations, ...where } = options
  if (out === '-' && format.startsWith('ctf'))
    throw new Error(`out: expected the path of a directory for the format ${format}, got '-'`)
  if (out === '-' && format === 'perfetto' && process.stdout.isTTY)
    throw new Error("out: expected a file, as the format perfetto is binary, got '-', which is a terminal")
  const service = await openService(given, where)
  const { exportTraces } = await import('../trace/export/index.js')
  const { checkPattern } = await import('../trace/switches.js')
  const choice = { pattern: checkPattern(pattern), level }
  let exported
  try {
    exported = await exportTraces(service, out, format, choice, { counters, migrations })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`out: expected a path where nothing is, got ${out}`, { cause: error })
  }
  const { events, missing, problems } = exported
  for (const text of [...missing, ...problems]) complain(text)
  if (out !== '-') console.log(`${counted(events, 'event')} in ${out}`)
  if (problems.length > 0) process.exitCode = 1
}

function parseCount(most: number): (text: string) => number {
  return (text) => {
    const count = Number(text)
    if (/^\d+$/.test(text) && count >= 1 && count <= most) return count
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${most}.`)
  }
}

export function addTrace(program: Command): void {
  const trace = program
    .command('trace')
    .description('the traces of a service: turn events on and off, follow them, and export them')
  const level = (): Option =>
    new Option('--level <level>', 'only events of this level and of more important ones')
      .choices(LEVELS)
      .default('debug')
  const service = 'the name of a service, or the path of its directory or of a copy'
  const pattern = "an event, which may have stars and TRACE: before it, such as request, 'http:*' or '*'"
  const directory = ['--directory <path>', 'where services are', SHM] as const
  trace
    .command('list')
    .description('list the events, and whether they are on')
    .argument('<service>', service)
    .option(...directory)
    .action(list)
  trace
    .command('enable')
    .description('turn events on, at once and in all processes')
    .argument('<service>', service)
    .argument('<pattern>', pattern)
    .addOption(level())
    .option('--filter <filter>', "record only what passes, such as 'bytes > 1000 && ms >= 2.5'")
    .option('--sample <n>', 'record one event of so many, in each thread', parseCount(MOST_SAMPLING))
    .option('--per-second <n>', 'record at most so many in a second on each CPU', parseCount(MOST_RATE))
    .option(...directory)
    .action(
      (given: string, which: string, { directory, ...options }: { directory: string } & EnableOptions) =>
        set(given, which, { directory }, options),
    )
  trace
    .command('disable')
    .description('turn events off')
    .argument('<service>', service)
    .argument('<pattern>', pattern)
    .option(...directory)
    .action((given: string, which: string, options: Where) => set(given, which, options))
  trace
    .command('tail')
    .description('print the events that there are, and then those that come, until SIGINT')
    .argument('<service>', service)
    .argument('[pattern]', pattern, '*')
    .addOption(level())
    .addOption(
      new Option('--format <format>', 'how they are printed').choices(['text', 'json']).default('text'),
    )
    .option(...directory)
    .action(tail)
  addTraceRecord(trace, { service, pattern, directory, level: level() })
  trace
    .command('export')
    .description('write the events into a file for other tools, also of a service whose processes have died')
    .argument('<service>', service)
    .argument(
      '<out>',
      "the file, or with ctf and ctf2 the directory, which is made; '-' is the standard output; with otlp also the URL of a collector",
    )
    .addOption(
      new Option(
        '--format <format>',
        'ctf: babeltrace2, Trace Compass; ctf2: CTF 2; perfetto; chrome; json: JSON lines; otlp: spans of OpenTelemetry',
      )
        .choices(FORMATS)
        .default('ctf'),
    )
    .option('--pattern <pattern>', pattern, '*')
    .addOption(level())
    .option(
      '--counter <event.field>',
      'a field with numbers, such as loopDelay.p99, to draw as a graph; for perfetto and chrome; may be repeated',
      (one: string, all: string[]) => [...all, one],
      [],
    )
    .option('--migrations', 'write where a thread went to another CPU, too; for perfetto, chrome and json')
    .option(...directory)
    .action(exportTo)
}
