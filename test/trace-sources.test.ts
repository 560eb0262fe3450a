/**
 * Sources of events that are no line of a program: `console` and errors that nobody handles. Processes do and print what they would
 * do and print without them, and what they recorded is there after they have died.
 */
import { fileURLToPath } from 'node:url'
import { type DestinationStream, pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { SharedDirectory } from '../lib/shared/index.js'
import {
  type ProcessTrace,
  type TraceEvent,
  defineEvents,
  pinoDestination,
  pinoEvents,
  processEvents,
  recordProcess,
} from '../lib/trace/index.js'
import { type Ran, environment, execute, rseq } from './cli/command.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'

const PROGRAM = fileURLToPath(new URL('support/programs/trace-sources.mjs', import.meta.url))

interface Line {
  readonly event: string
  readonly level: string
  readonly values: Readonly<Record<string, unknown>>
  readonly cut?: readonly string[]
}

describe.skipIf(WHY_NO_SHM !== '')('events of a process', { timeout: 240_000 }, () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, service) => {
    place = made
    shop = service
  })

  const run = (name: string, isRecorded: boolean, ...flags: string[]): Promise<Ran> => {
    const given = JSON.stringify({ name, directory: place.directory, isRecorded })
    return execute(process.execPath, [...flags, PROGRAM, given], { env: environment() })
  }
  const recorded = async (): Promise<Line[]> => {
    const options = ['trace', 'export', shop.path, '-', '--format', 'json']
    const { stdout } = await rseq(options)
    const lines = stdout.split('\n').filter((line) => line !== '')
    // Each event has asked a context, which counts: the order is right also where the clocks of two CPUs differ.
    const asked = ({ values }: Line): number => Number(values['asked'])
    return lines.map((line) => JSON.parse(line) as Line).sort((a, b) => asked(a) - asked(b))
  }

  /** Runs a case with and without its events, and expects that it does and prints the same. Returns what it printed and recorded. */
  async function compare(name: string, ...flags: string[]): Promise<{ ran: Ran; lines: Line[] }> {
    const [plain, ran] = [await run(name, false, ...flags), await run(name, true, ...flags)]
    expect(ran).toEqual(plain)
    return { ran, lines: await recorded() }
  }

  test('console prints what it printed, and is recorded with levels until the recording ends', async () => {
    const plain = await run('console', false)
    const ran = await run('console', true)
    // What the context prints comes on top.
    const own = ran.stdout.split('\n').filter((line) => !line.startsWith('context '))
    expect([own, ran.stderr, ran.status]).toEqual([plain.stdout.split('\n'), plain.stderr, 0])
    expect(own).toContain('as before')
    expect(own.filter((line) => line === 'said while it is shown')).toHaveLength(1)
    const lines = await recorded()
    const twice = <One>(one: One): One[] => [one, one]
    const shown = lines.map(({ event, level, values }) => [event, level, values['text']])
    expect(shown).toEqual([
      ...twice(['console.log', 'info', 'it has 2 of {"a":1} [ 3 ]']),
      ...twice(['console.log', 'info', '100%']),
      ...twice(['console.log', 'info', '']),
      ...twice(['console.info', 'info', '{ a: { b: { c: {} } } }']),
      ...twice(['console.warn', 'warning', `Map(1) { 1 => 'one' } ${'é'.repeat(245)}`]),
      ...twice(['console.error', 'error', 'Symbol(s) 10n null']),
      ...twice(['console.log', 'info', expect.stringContaining('(index)') as string]),
      ...twice(['console.warn', 'warning', 'Assertion failed: an assertion']),
      ...twice(['console.log', 'info', 'talkative']),
      ...twice(['console.log', 'info', 'said while it is shown']),
      ...twice(['console.log', 'info', 'arguments that cannot be shown']),
      ...twice(['console.log', 'info', 'cannot be shown']),
      ['console.log', 'info', 'theirs: recorded'],
      ['console.log', 'info', 'recorded once'],
    ])
    expect(lines.filter(({ cut }) => cut !== undefined).map(({ event }) => event)).toEqual(
      twice('console.warn'),
    )
  })

  test('an exception that ends the process is in the ring when it has died', async () => {
    const { ran, lines } = await compare('exception')
    expect(ran.status).toBe(1)
    expect(ran.stderr).toContain('TypeError: nobody catches this')
    expect(lines).toMatchObject([
      {
        ...{ event: 'unhandled', level: 'critical' },
        values: { kind: 'exception', error: 'TypeError: nobody catches this' },
      },
    ])
    expect(lines[0]?.values['stack']).toMatch(/^at .*trace-sources\.mjs:\d+:\d+.*\nat /)
  })

  test.each(['throw', 'strict'])('so is a rejection, with --unhandled-rejections=%s', async (mode) => {
    const { ran, lines } = await compare('rejection', `--unhandled-rejections=${mode}`)
    expect(ran.status).toBe(1)
    expect(lines).toMatchObject([{ values: { kind: 'rejection', error: 'Error: nobody handles this' } }])
  })

  test('with --unhandled-rejections=warn, a process goes on', async () => {
    const [plain, ran] = [
      await run('rejection', false, '--unhandled-rejections=warn'),
      await run('rejection', true, '--unhandled-rejections=warn'),
    ]
    const withoutPid = ({ stderr }: Ran): string => stderr.replaceAll(/^\(node:\d+\)/gm, '')
    expect([ran.status, withoutPid(ran)]).toEqual([0, withoutPid(plain)])
  })

  test('an exception that the program handles is recorded, and the process goes on', async () => {
    const { ran, lines } = await compare('handled')
    expect(ran).toMatchObject({ status: 0, stdout: 'the program handles this uncaughtException\n' })
    expect(lines).toMatchObject([{ values: { kind: 'exception', error: 'Error: the program handles this' } }])
  })

  test('anything may be thrown', async () => {
    const { ran, lines } = await compare('odd')
    expect(ran).toMatchObject({ status: 0, stdout: 'odd\n'.repeat(5) })
    const errors = ['null', "'a text'", 'cannot be shown', 'cannot be shown', 'cannot be shown']
    expect(lines.map(({ values }) => values['error'])).toEqual(errors)
  })

  test('there is a listener of rejections only while the program has one', async () => {
    const { ran, lines } = await compare('listener')
    expect(ran.status).toBe(1)
    expect(ran.stdout).toBe('once 1 false\n0\non 2 true\non 3 true\ntrue\n')
    // Node makes an error of a reason that is none.
    const last = expect.stringMatching(/^UnhandledPromiseRejection: .*4/s) as string
    expect(lines.map(({ values }) => values['error'])).toEqual(['1', '1', '2', '2', last])
  })

  test('a rejection is recorded before the program exits because of it', async () => {
    const { ran, lines } = await compare('exit')
    expect(ran.status).toBe(5)
    expect(lines).toMatchObject([
      { values: { kind: 'rejection', error: 'Error: the program exits because of this' } },
    ])
  })

  test('an event that is off is not recorded', async () => {
    const { ran, lines } = await compare('off')
    expect([ran.status, lines]).toEqual([1, []])
  })

  test('a worker records its own', async () => {
    const [plain, ran] = [await run('worker', false), await run('worker', true)]
    // What a worker prints goes through another thread.
    const sorted = ({ stdout }: Ran): string[] => stdout.split('\n').sort()
    expect([sorted(ran), ran.status]).toEqual([sorted(plain), 0])
    const lines = await recorded()
    expect(lines).toMatchObject([
      { event: 'console.log', values: { text: 'from a worker' } },
      { event: 'unhandled', values: { kind: 'exception', error: 'Error: of a worker' } },
    ])
  })

  test('options are checked', () => {
    const trace: ProcessTrace = defineEvents('own', processEvents).open()
    for (const name of ['console', 'errors']) {
      expect(() => recordProcess(trace, { [name]: 1 })).toThrow(
        new RegExp(`^${name}: expected true or false`),
      )
    }
  })
})

describe('pino', () => {
  let asked = 0
  const contexts = { asked: { type: 'u32', from: () => ++asked } } as const
  const events = defineEvents('log', { ...pinoEvents, mark: {} }, { contexts })
  /** The events in the order in which they were recorded, also where the clocks of two CPUs differ. */
  const seenIn = (trace: ReturnType<typeof events.open>): TraceEvent[] =>
    trace.snapshot().sort((a, b) => Number(a.values['asked']) - Number(b.values['asked']))

  test('writes lines between the other events, with its levels', () => {
    const trace = events.open()
    const logger = pino({ level: 'trace' }, pinoDestination(trace))
    for (const level of ['fatal', 'error', 'warn', 'info', 'debug'] as const) logger[level](level)
    trace.enable('pino.debug')
    logger.debug('debug')
    logger.trace('trace')
    logger.child({ part: 'a' }).info('a child')
    const names = seenIn(trace).map(({ event, level }) => `${event} ${level}`)
    expect(names).toEqual([
      ...['pino.fatal critical', 'pino.error error', 'pino.warn warning', 'pino.info info'],
      ...['pino.debug debug', 'pino.debug debug', 'pino.info info'],
    ])
    const texts = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'a child']
    const lines = seenIn(trace).map(({ values }) => JSON.parse(String(values['line'])) as { msg: string })
    expect(lines.map(({ msg }) => msg)).toEqual(texts)
    expect(lines[0]).toMatchObject({ level: 60, pid: process.pid })
  })

  test('is given the destination alone, or among several, whatever its lines look like', () => {
    const trace = events.open()
    pino(pinoDestination(trace) as unknown as DestinationStream).warn('alone')
    const lines: string[] = []
    const several = pino.multistream([
      { stream: { write: (line: string) => lines.push(line) } },
      { stream: pinoDestination(trace), level: 'error' },
    ])
    pino({}, several).info('too low')
    pino({}, several).error('among several')
    const named = { formatters: { level: (label: string) => ({ severity: label }) }, nestedKey: 'payload' }
    pino({ ...named, customLevels: { loud: 55 } }, pinoDestination(trace)).loud('no level in the line')
    expect(seenIn(trace).map(({ event }) => event)).toEqual(['pino.warn', 'pino.error', 'pino.error'])
    expect(lines).toHaveLength(2)
    expect(seenIn(trace)[2]?.values['line']).toMatch(/^\{"severity":"loud",/)
  })

  test('cuts long lines and marks them, and takes lines that are no JSON', () => {
    const trace = events.open()
    const destination = pinoDestination(trace)
    const logger = pino(destination)
    logger.info('x'.repeat(3000))
    logger.info('short')
    expect(destination.write('{"level":"error","msg":"by name"}\n')).toBe(true)
    destination.write('{"msg":"behind","level":41}\n{"level":60}\n')
    for (const text of ['no JSON', 'null', '{"level":', '{"level":{}}', '\n']) destination.write(text)
    const seen = seenIn(trace).map(({ event, cut, values: { line } }) => [event, cut, String(line).length])
    const [long, ...rest] = seen
    expect(long).toEqual(['pino.info', ['line'], 1024])
    expect(rest.map(([event]) => event)).toEqual([
      ...['pino.info', 'pino.error', 'pino.warn', 'pino.fatal'],
      ...['pino.info', 'pino.info', 'pino.info', 'pino.info'],
    ])
    expect(rest.every(([, cut]) => (cut as string[]).length === 0)).toBe(true)
  })

  test('needs the definitions of its events', () => {
    const other = defineEvents('other', { mine: {} }).open()
    expect(() => pinoDestination(other as never)).toThrow(/^trace: .*it lacks pino\.fatal/)
    expect(() => pinoDestination(null as never)).toThrow(/^trace: /)
  })
})
