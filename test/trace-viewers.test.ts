/** What viewers of a trace show beside its events: the names of processes and threads, counters and flows. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SharedDirectory } from '../lib/shared/index.js'
import { defineEvents } from '../lib/trace/index.js'
import type { ReadEvent } from '../lib/trace/read/events.js'
import { withMigrations } from '../lib/trace/read/migrations.js'
import type { TraceFile } from '../lib/trace/read/trace-file.js'
import { environment, execute, rseq } from './cli/command.js'
import { supportAndCpusOr } from './support/addon.js'
import { decodePerfetto } from './support/perfetto.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'

const THREADS = fileURLToPath(new URL('support/programs/trace-threads.mjs', import.meta.url))

interface ChromeEvent {
  readonly ph: string
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly id?: number
  readonly args: Readonly<Record<string, unknown>>
}

interface JsonEvent {
  readonly trace: string
  readonly event: string
  readonly time: string
  readonly cpu: number
  readonly thread: number
  readonly values: Readonly<Record<string, unknown>>
}

describe.skipIf(WHY_NO_SHM !== '')('viewers', { timeout: 120_000 }, () => {
  let place: Place
  let shop: SharedDirectory
  let out: string
  useService((made, service) => {
    place = made
    shop = service
  })
  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'rseq-trace-'))
  })
  afterEach(() => {
    rmSync(out, { recursive: true, force: true })
  })
  const exported = async (format: string, ...args: string[]): Promise<Buffer> => {
    const path = join(out, `${format}${args.join('')}`)
    const ran = await rseq(['trace', 'export', shop.path, path, '--format', format, ...args])
    expect(ran).toMatchObject({ status: 0 })
    return readFileSync(path)
  }
  /** Runs the program. Returns its two flows. */
  async function run(): Promise<{ id: bigint; next: bigint }> {
    const ran = await execute(process.execPath, [THREADS, place.directory], { env: environment() })
    expect(ran).toMatchObject({ status: 0, stderr: '' })
    const { id, next } = JSON.parse(ran.stdout) as { id: string; next: string }
    return { id: BigInt(id), next: BigInt(next) }
  }
  const isNameOfWorker = expect.stringMatching(/^(till|store|worker \d+)$/) as string
  const counters = ['depth', 'load', 'total', 'change'].flatMap((field) => [
    '--counter',
    `queue.state.${field}`,
  ])

  test('Perfetto has a track for each process and each thread, with its name', async () => {
    await run()
    const seen = decodePerfetto(await exported('perfetto'))
    const main = seen.filter(({ pid, thread }) => pid === thread)
    const others = seen.filter(({ pid, thread }) => pid !== thread)
    expect(new Set(main.map(({ titles }) => titles.thread))).toEqual(new Set(['main']))
    expect(new Set(others.map(({ thread }) => thread)).size).toBe(2)
    expect(new Set(others.map(({ titles }) => titles.thread)).size).toBe(2)
    for (const { titles } of others) expect(titles.thread).toEqual(isNameOfWorker)
    expect(new Set(seen.map(({ titles }) => titles.process))).toEqual(new Set(['a shop trace-threads.mjs']))
  })

  test('Perfetto connects the events of a flow, each span once', async () => {
    const { id, next } = await run()
    const seen = decodePerfetto(await exported('perfetto'))
    const flows = seen.map(({ name, type, flows }) => [name, type, flows])
    // The clocks of two CPUs agree to some microseconds: the order is not looked at.
    const expected = [
      ['shop:request', 'begin', [id]],
      ['shop:request', 'end', [next]],
      ['shop:charged', 'instant', [next]],
      ...[0, 1].flatMap(() => [
        ['shop:charged', 'instant', [id]],
        ['shop:charged', 'instant', []],
      ]),
      ...[0, 1, 2, 3].map(() => ['shop:queue.state', 'instant', []]),
    ]
    const sorted = (all: unknown[][]): string[] => all.map((one) => one.map(String).join(' ')).sort()
    expect(sorted(flows)).toEqual(sorted(expected))
    expect(seen.every(({ isClosed }) => isClosed)).toBe(true)
  })

  test('Perfetto draws fields as counters of their threads', async () => {
    await run()
    const without = decodePerfetto(await exported('perfetto'))
    const seen = decodePerfetto(await exported('perfetto', ...counters))
    expect(seen.filter(({ type }) => type !== 'counter').length).toBe(without.length)
    const valuesOf = (of: (thread: string) => boolean): Record<string, unknown[]> => {
      const own = seen.filter(({ type, titles }) => type === 'counter' && of(titles.thread ?? ''))
      return Object.fromEntries(
        [...new Set(own.map(({ name }) => name))].map((name) => [
          name,
          own.filter((one) => one.name === name).map(({ value }) => value),
        ]),
      )
    }
    expect(valuesOf((thread) => thread === 'main')).toEqual({
      'shop:queue.state.depth': [1, 2],
      // What is not finite is no value.
      'shop:queue.state.load': [0.5],
      // Perfetto's whole numbers are signed.
      'shop:queue.state.total': [2 ** 64, 2n ** 63n - 1n],
      'shop:queue.state.change': [-3n, 4n],
    })
    expect(valuesOf((thread) => thread !== 'main')).toEqual({
      'shop:queue.state.depth': [7, 7],
      'shop:queue.state.load': [-1.5, -1.5],
      'shop:queue.state.total': [7n, 7n],
      'shop:queue.state.change': [7n, 7n],
    })
  })

  test('Chrome has the names, and a counter for each thread', async () => {
    await run()
    const { traceEvents } = JSON.parse(
      (await exported('chrome', '--counter', 'shop:queue.*.load')).toString(),
    ) as { traceEvents: ChromeEvent[] }
    const named = traceEvents.filter(({ ph }) => ph === 'M')
    expect(named.filter(({ name }) => name === 'process_name').map(({ args }) => args['name'])).toEqual([
      'a shop trace-threads.mjs',
    ])
    const threads = named.filter(({ name }) => name === 'thread_name')
    expect(threads.map(({ args }) => args['name'])).toEqual(['main', isNameOfWorker, isNameOfWorker])
    const drawn = traceEvents.filter(({ ph }) => ph === 'C')
    expect(drawn.map(({ args }) => args['value']).sort()).toEqual([-1.5, -1.5, 0.5])
    for (const { name, id, tid } of drawn) expect([name, id]).toEqual(['shop:queue.state.load', tid])
    expect(new Set(drawn.map(({ id }) => id)).size).toBe(3)
  })

  test('all have the migrations of a thread, at the first event on its new CPU, and none that was not', async ({
    skip,
  }) => {
    const { support, cpus } = supportAndCpusOr(skip)
    const [here = 0, there = 1] = cpus
    const steps = defineEvents('shop', { step: { fields: { k: 'u32', on: 'u32' } } }).open(shop)
    const visited = [here, here, there, there, there, here, there]
    try {
      visited.forEach((cpu, k) => {
        support.setAffinity(0, [cpu])
        steps.step(k, cpu)
        // The clocks of two CPUs agree to some microseconds.
        for (const start = performance.now(); performance.now() < start + 1;);
      })
    } finally {
      support.setAffinity(0, cpus)
    }
    const expected = visited.flatMap((on, k) => {
      const before = visited[k - 1] ?? on
      const migration = before === on ? [] : [['rseq:migration', { from: before, to: on }]]
      return [...migration, ['shop:step', { k, on }]]
    })
    /** The values of the fields but `ms`: how long the thread had recorded nothing. */
    const named = (name: string, values: Readonly<Record<string, unknown>>): unknown => {
      const names = name === 'shop:step' ? ['k', 'on'] : ['from', 'to']
      expect(name === 'shop:step' || Number(values['ms']) > 0.5).toBe(true)
      return [name, Object.fromEntries(names.map((one) => [one, Number(values[one])]))]
    }
    const lines = (await exported('json', '--migrations')).toString().trimEnd().split('\n')
    const events = lines.map((line) => JSON.parse(line) as JsonEvent)
    expect(events.map(({ trace, event, values }) => named(`${trace}:${event}`, values))).toEqual(expected)
    events.forEach(({ event, cpu, thread, time, values }, k) => {
      expect(thread).toBe(process.pid)
      if (event === 'migration') expect([cpu, time]).toEqual([values['to'], events[k + 1]?.time])
    })
    const seen = decodePerfetto(await exported('perfetto', '--migrations'))
    expect(seen.map(({ name, annotations }) => named(name, annotations))).toEqual(expected)
    expect(new Set(seen.map(({ thread, type }) => `${thread} ${type}`))).toEqual(
      new Set([`${process.pid} instant`]),
    )
    const { traceEvents } = JSON.parse((await exported('chrome', '--migrations')).toString()) as {
      traceEvents: ChromeEvent[]
    }
    const shown = traceEvents.filter(({ ph }) => ph === 'i')
    expect(shown.map(({ name, args }) => named(name, args))).toEqual(expected)
    const plain = (await exported('json')).toString().trimEnd().split('\n')
    expect(plain.length).toBe(visited.length)
  })

  test('migrations are of one thread each, whatever threads do between them', () => {
    const trace = {
      description: { spec: { name: 'shop', contexts: [], records: [] } },
    } as unknown as TraceFile
    const spec = { event: 'step', phase: 'event', level: 'info', fields: [] } as const
    const at = (time: number, slot: number, pid: number, thread: number, cpu: number): ReadEvent => ({
      ...{ id: 0, spec, slot, pid, span: 0, isMisfit: false, fields: [], trace },
      ...{ time: BigInt(time) * 1_000_000n, cpu, thread },
    })
    // Two processes of two namespaces may have one id.
    const events = [
      ...[at(1, 1, 9, 9, 0), at(2, 2, 9, 9, 1), at(3, 1, 9, 10, 2), at(4, 1, 9, 9, 0)],
      ...[at(6, 2, 9, 9, 0), at(7, 1, 9, 9, 3), at(7, 1, 9, 10, 2)],
    ]
    const all = [...withMigrations(events)]
    expect(all.filter((event) => event.spec === spec)).toEqual(events)
    const found = all.filter((event) => event.spec !== spec)
    expect(
      found.map(({ slot, thread, fields }) => [slot, thread, ...fields.map(({ value }) => value)]),
    ).toEqual([
      [2, 9, 1, 0, 4],
      [1, 9, 0, 3, 3],
    ])
  })

  test('refuses a counter that is none, and a format without counters', async () => {
    defineEvents('shop', { state: { fields: { depth: 'u32', isFull: 'bool', text: 'string' } } })
      .open(shop)
      .state(1, true, '')
    const fails = async (counter: string, format: string): Promise<string> => {
      const args = ['trace', 'export', shop.path, join(out, 'none'), '--format', format, '--counter', counter]
      const { status, stderr } = await rseq(args)
      expect(status).toBe(1)
      return stderr
    }
    for (const name of ['state.isFull', 'state.text', 'state.nothing', 'other.depth', 'depth', '.depth']) {
      expect(await fails(name, 'perfetto')).toContain(
        `counter: expected EVENT.FIELD, where the field has numbers (there are state.depth), got '${name}'`,
      )
    }
    expect(await fails('state.depth', 'ctf')).toMatch(/^rseq: format: .*perfetto, chrome, got 'ctf'/m)
    for (const format of ['ctf', 'ctf2', 'otlp']) {
      const path = join(out, 'none')
      const args = ['trace', 'export', shop.path, path, '--format', format, '--migrations']
      expect((await rseq(args)).stderr).toMatch(/^rseq: format: .*migrations: perfetto, chrome, json, got /m)
      expect(existsSync(path)).toBe(false)
    }
  })

  test('Perfetto is told what is missing, also of a trace of which nothing is there', async () => {
    const full = defineEvents('full', { numbered: { fields: { k: 'u32' } } }).open(shop, {
      bytesPerCpu: 4096,
      policy: 'discard',
    })
    for (let k = 0; k < 1000; k++) full.numbered(k)
    for (const args of [[], ['--level', 'critical']]) {
      const seen = decodePerfetto(await exported('perfetto', ...args))
      expect(seen.length).toBe(args.length === 0 ? 1001 - full.dropped : 1)
      expect(seen.at(-1)).toMatchObject({ type: 'instant', name: 'missing events' })
      expect(String(seen.at(-1)?.annotations['missing'])).toContain('events were discarded')
    }
  })

  test('the decoder refuses a field that it does not know', async () => {
    defineEvents('shop', { event: {} }).open(shop).event()
    const bytes = await exported('perfetto')
    expect(decodePerfetto(bytes)).toHaveLength(1)
    // The field 100 of the trace, a varint.
    expect(() => decodePerfetto(Buffer.concat([bytes, Buffer.from([0xa0, 0x06, 1])]))).toThrow(/not known/)
  })
})
