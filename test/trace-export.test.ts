/**
 * `rseq trace`: traces of services that are read from outside, while they run and after a SIGKILL, in every format; and what
 * other tools make of them.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeSample } from '../lib/inspect/clock.js'
import { RingFile } from '../lib/inspect/index.js'
import { type SharedDirectory, openShared } from '../lib/shared/index.js'
import { type DecodedValue, type EventsSchema, defineEvents } from '../lib/trace/index.js'
import { rseq } from './cli/command.js'
import { type BabelValue, WHY_NO_BABELTRACE, babeltrace } from './support/babeltrace.js'
import { machineWithSectionsOr } from './support/machine.js'
import { decodePerfetto } from './support/perfetto.js'
import { Place, WHY_NO_SHM } from './support/shared.js'
import { type Written, randomEvents, randomOf, writeOne } from './support/trace-fuzz.js'

const KILLED = fileURLToPath(new URL('support/programs/trace-killed.mjs', import.meta.url))
const CLI = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url))

/** A value as JSON has it. */
function plain(value: DecodedValue): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'object') return (value as (number | bigint)[]).map((one) => plain(one))
  return Object.is(value, -0) ? 0 : value
}

/** Whether babeltrace2 has printed a value: doubles with six digits, everything else exactly; a text that was cut with a mark. */
function isPrinted(seen: BabelValue | undefined, expected: DecodedValue, isCut: boolean): boolean {
  // babeltrace2 2.0 prints an empty text as the text that the field had in an event before. The bytes in the file are right.
  if (expected === '') return typeof seen === 'string'
  if (typeof expected === 'string') return seen === (isCut ? `${expected}…` : expected)
  if (typeof expected === 'boolean') return seen === Number(expected)
  if (typeof expected === 'object') {
    const all = [...(expected as Iterable<number>)]
    const given = seen as readonly BabelValue[]
    return (
      Array.isArray(seen) &&
      seen.length === all.length &&
      all.every((one, k) => isPrinted(given[k], one, false))
    )
  }
  if (typeof expected === 'bigint') return BigInt(seen as number) === expected
  return Object.is(seen, expected) || Math.abs(Number(seen) - expected) <= 1e-5 * Math.abs(expected)
}

interface JsonEvent {
  readonly time: string
  readonly event: string
  readonly phase: Written['phase']
  readonly values: Record<string, unknown>
  readonly cut?: string[]
  readonly missing?: { discarded: number; damagedBytes: number; isDamaged: boolean }
}

/** What was written, in the order in which it was exported: the clocks of two CPUs' rings agree to some microseconds only. */
function inOrderOf(events: readonly JsonEvent[], written: readonly Written[]): Written[] {
  const keyOf = (
    of: { event: string; phase: string; values: Record<string, unknown> },
    cut: unknown,
  ): string => JSON.stringify([of.event, of.phase, of.values, cut])
  const byKey = new Map<string, Written[]>()
  for (const one of written) {
    const values = Object.fromEntries(Object.entries(one.values).map(([name, value]) => [name, plain(value)]))
    const key = keyOf({ ...one, values }, one.cut)
    byKey.set(key, [...(byKey.get(key) ?? []), one])
  }
  expect(events.length).toBe(written.length)
  return events.map((event) => {
    const found = byKey.get(keyOf(event, event.cut ?? []))?.shift()
    if (found === undefined) throw new Error(`was not written: ${JSON.stringify(event)}`)
    return found
  })
}

function parseLines(text: string): { events: JsonEvent[]; missing: NonNullable<JsonEvent['missing']>[] } {
  const lines = text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonEvent)
  return {
    events: lines.filter((line) => line.missing === undefined),
    missing: lines.flatMap(({ missing }) => missing ?? []),
  }
}

describe.skipIf(WHY_NO_SHM !== '')('rseq trace', () => {
  let place: Place
  let shop: SharedDirectory
  let out: string
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
    shop = openShared('shop', { directory: place.directory })
    out = mkdtempSync(join(tmpdir(), 'rseq-trace-'))
  })
  afterEach(async () => {
    await (place as Place | undefined)?.end()
    if ((out as string | undefined) !== undefined) rmSync(out, { recursive: true, force: true })
  })
  const trace = (...args: string[]): ReturnType<typeof rseq> =>
    rseq(['trace', ...args, '--directory', place.directory])
  const exported = async (format: string, ...args: string[]): Promise<string> => {
    const path = join(out, format)
    const ran = await trace('export', 'shop', path, '--format', format, ...args)
    expect(ran).toMatchObject({ status: 0 })
    return path
  }

  /** Overwrites the stamps of a ring's records by numbers that are negative, huge and in no order. */
  function overwriteStamps(directory: string): void {
    const path = join(directory, readdirSync(directory).find((file) => file.includes('.ring.')) ?? '')
    const ring = new RingFile(path)
    const stamps = ring.look().records.map(({ stamp }) => stamp)
    ring.close()
    const bytes = readFileSync(path)
    stamps.forEach((stamp, k) => {
      const word = Buffer.alloc(8)
      word.writeBigInt64LE(stamp)
      const at = bytes.indexOf(word)
      expect(at).toBeGreaterThan(0)
      bytes.writeBigInt64LE([-5n, 2n ** 62n, -(2n ** 63n), 7n][k % 4] ?? 0n, at)
    })
    writeFileSync(path, bytes)
  }

  /** Records events by chance in the trace `fuzz` of the service. */
  function writeSome(seed: number, count: number): Written[] {
    const random = randomOf(seed)
    const { events, schema } = randomEvents(random)
    const fuzz = defineEvents('fuzz', schema).open(shop)
    return Array.from({ length: count }, () => {
      const event = events[random(events.length)]
      return event === undefined ? [] : writeOne(fuzz, event, random)
    }).flat()
  }

  test.each([1, 2, 3, 4])('exports any events as JSON lines and for Chrome (seed %i)', async (seed) => {
    const before = BigInt(Date.now()) * 1_000_000n
    const written = writeSome(seed, 200)
    const { events, missing } = parseLines(readFileSync(await exported('json'), 'utf8'))
    expect(missing).toEqual([])
    const ordered = inOrderOf(events, written)
    const times = events.map(({ time }) => BigInt(time))
    expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    expect((times[0] ?? 0n) > before - 100_000_000n).toBe(true)
    expect((times.at(-1) ?? 0n) < BigInt(Date.now() + 100) * 1_000_000n).toBe(true)

    const chrome = JSON.parse(readFileSync(await exported('chrome'), 'utf8')) as {
      traceEvents: { ph: string; name: string; id?: string; ts?: number }[]
      otherData: { missing: string[] }
    }
    expect(chrome.otherData.missing).toEqual([])
    const shown = chrome.traceEvents.filter(({ ph }) => ph !== 'M')
    const phases = { event: 'i', begin: 'b', end: 'e' } as const
    expect(shown.map(({ ph, name }) => [ph, name])).toEqual(
      ordered.map(({ phase, event }) => [phases[phase], `fuzz:${event}`]),
    )
    // Each span has an end with its number.
    const open = new Set<string>()
    for (const { ph, id = '' } of shown) {
      if (ph === 'b') open.add(id)
      if (ph === 'e') expect(open.delete(id)).toBe(true)
    }
    expect(open.size).toBe(0)
  })

  test.skipIf(WHY_NO_BABELTRACE !== '').each([1, 2, 3, 4])(
    'babeltrace2 reads any events from CTF (seed %i)',
    async (seed) => {
      const written = writeSome(seed, 1500)
      const { events } = parseLines(readFileSync(await exported('json'), 'utf8'))
      const seen = babeltrace(await exported('ctf'))
      expect(seen.stderr).toBe('')
      expect(seen.events.map(({ time }) => String(time))).toEqual(events.map(({ time }) => time))
      const ordered = inOrderOf(events, written)
      seen.events.forEach(({ name, fields }, k) => {
        const { event, phase, values, cut } = ordered[k] as Written
        expect(name).toBe(`fuzz:${event}${phase === 'event' ? '' : `:${phase}`}`)
        const wrong = Object.entries(values).filter(
          ([field, value]) => !isPrinted(fields[field], value, cut.includes(field)),
        )
        expect(wrong, Object.keys(fields).join()).toEqual([])
        const bits = Object.keys(values).reduce(
          (all, field, at) => (cut.includes(field) ? all | (1 << at) : all),
          0,
        )
        expect(fields).toMatchObject({ pid: process.pid, tid: process.pid, misfit: 0, cut: bits })
        expect(fields['cpu_id']).toBeGreaterThanOrEqual(0)
      })
    },
  )

  test.each([1, 2, 3])(
    'Perfetto reads any events, each name and text by its number (seed %i)',
    async (seed) => {
      const written = writeSome(seed, 200)
      const { events } = parseLines(readFileSync(await exported('json'), 'utf8'))
      const seen = decodePerfetto(readFileSync(await exported('perfetto')))
      expect(seen.map(({ time }) => String(time))).toEqual(events.map(({ time }) => time))
      const ordered = inOrderOf(events, written)
      const types = { event: 'instant', begin: 'begin', end: 'end' } as const
      expect(seen.map(({ type, name }) => [type, name])).toEqual(
        ordered.map(({ phase, event }) => [types[phase], `fuzz:${event}`]),
      )
      seen.forEach(({ annotations, pid, thread, isClosed }, k) => {
        const { values, cut } = ordered[k] as Written
        expect([pid, thread, isClosed]).toEqual([process.pid, process.pid, true])
        for (const [name, value] of Object.entries(values)) {
          const text = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
          const expected =
            typeof text === 'string' && cut.includes(name) && typeof value === 'string' ? `${text}…` : text
          expect(annotations[name], name).toEqual(comparable(expected))
        }
      })
    },
  )

  test.skipIf(WHY_NO_BABELTRACE !== '')('says how many events were discarded, in every format', async () => {
    const full = defineEvents('full', { numbered: { fields: { k: 'u32' } } }).open(shop, {
      bytesPerCpu: 4096,
      policy: 'discard',
    })
    for (let k = 0; k < 1000; k++) full.numbered(k)
    expect(full.dropped).toBeGreaterThan(500)
    const { events, missing } = parseLines(readFileSync(await exported('json'), 'utf8'))
    expect(missing.reduce((sum, { discarded }) => sum + discarded, 0)).toBe(full.dropped)
    expect(events.length).toBe(1000 - full.dropped)
    const seen = babeltrace(await exported('ctf'))
    expect([seen.events.length, seen.discarded]).toEqual([1000 - full.dropped, full.dropped])
    expect(readFileSync(await exported('chrome'), 'utf8')).toContain('events were discarded')
    const { stderr } = await trace('export', 'shop', '-', '--format', 'json')
    expect(stderr).toMatch(/^rseq: full, CPU \d+: \d+ events were discarded/m)
  })

  test('shows fields with any names, also those that a format uses itself', async () => {
    const odd = { length: 'u8[]', length_of_length: 'u8', length_of_length_: 'bytes', cpu: 'string' } as const
    const names = defineEvents('names', {
      it: { fields: { ...odd, level: 'u8', misfit: 'u8', struct: 'i8' } },
    })
    names.open(shop).it([1, 2], 3, new Uint8Array(1), 'none', 4, 5, 6)
    const chrome = JSON.parse(readFileSync(await exported('chrome'), 'utf8')) as {
      traceEvents: { args: Record<string, unknown> }[]
    }
    expect(chrome.traceEvents.at(-1)?.args).toEqual({
      ...{ length: [1, 2], length_of_length: 3, length_of_length_: 'AA==', cpu: 'none' },
      ...{ level: 4, misfit: 5, struct: 6 },
    })
    const metadata = readFileSync(
      join(await exported('ctf'), readdirSync(join(out, 'ctf'))[0] ?? '', 'metadata'),
    )
    expect(metadata.toString()).toContain('uint8_t _length[length_of_length__];')
    if (WHY_NO_BABELTRACE !== '') return
    const { stderr, events } = babeltrace(join(out, 'ctf'))
    expect(stderr).toBe('')
    expect(events[0]?.fields).toMatchObject({ length: [1, 2], length_of_length: 3, cpu: 'none', level: 4 })
  })

  test('has times that never run backwards, whatever is in the clock and in the stamps', async () => {
    const beats = defineEvents('beats', { beat: { fields: { n: 'u32' } } }).open(shop)
    for (let n = 0; n < 20; n++) beats.beat(n)
    const clock = join(shop.path, 'clock')
    const sample = { ticks: 0n, monotonic: 0n, boot: '0'.repeat(32), namespace: 0n }
    const clocks: (Buffer | undefined)[] = [
      encodeSample({ ...sample, realtime: 2n ** 63n - 1n, nsPerTick: 1e10 }),
      encodeSample({ ...sample, realtime: 2n ** 63n - 1n, nsPerTick: 1e300 }),
      encodeSample({ ...sample, realtime: -(2n ** 63n), nsPerTick: 1 }),
      undefined,
    ]
    for (const bytes of clocks) {
      rmSync(clock, { force: true })
      if (bytes !== undefined) writeFileSync(clock, bytes)
      else overwriteStamps(shop.path)
      const { events } = parseLines(readFileSync(await exported('json'), 'utf8'))
      expect(events.length).toBe(20)
      const times = events.map(({ time }) => BigInt(time))
      expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
      expect((times[0] ?? -1n) >= 0n && (times.at(-1) ?? 0n) < 2n ** 63n).toBe(true)
      JSON.parse(readFileSync(await exported('chrome'), 'utf8'))
      decodePerfetto(readFileSync(await exported('perfetto')))
      rmSync(out, { recursive: true })
      mkdirSync(out)
    }
  })

  test('has all that a killed process had committed', async () => {
    const schema: EventsSchema = {
      numbered: { fields: { k: 'u32', text: 'string' } },
      work: { kind: 'span', fields: { k: 'u32' }, end: { k: 'u32' } },
    }
    const child = spawn(process.execPath, [KILLED, JSON.stringify({ directory: place.directory, schema })], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const end = once(child, 'exit')
    let confirmed = -1
    for await (const line of createInterface({ input: child.stdout })) {
      confirmed = Number(line)
      child.stdin.write('\n')
      if (confirmed >= 4000) break
    }
    child.kill('SIGKILL')
    await end
    const { events } = parseLines(readFileSync(await exported('json', '--pattern', 'killed:*'), 'utf8'))
    const numbers = events
      .filter(({ event }) => event === 'numbered')
      .map(({ values }) => Number(values['k']))
      .sort((a, b) => a - b)
    expect(numbers.at(-1)).toBeGreaterThanOrEqual(confirmed)
    expect(numbers).toEqual(Array.from(numbers, (_, k) => 2 * k))
    expect(
      events.every(({ values: { k, text } }) => text === undefined || text === `number ${String(k)}`),
    ).toBe(true)
    // What it was doing when it died is the span without an end.
    const spans = new Map<unknown, number>()
    for (const { event, phase, ...rest } of events) {
      const { span } = rest as { span?: number }
      if (event === 'work' && phase === 'begin') spans.set(span, 1)
      if (event === 'work' && phase === 'end') spans.delete(span)
    }
    expect(spans.size).toBeLessThanOrEqual(1)
  })

  test('reads a copy whatever is in it, and says what it skips', async () => {
    const written = writeSome(7, 300)
    const ring = readdirSync(shop.path).find((file) => file.includes('.ring.')) ?? ''
    const events = readdirSync(shop.path).find((file) => file.includes('.events.')) ?? ''
    const copy = join(out, 'copy')
    const read = async (): Promise<{ stdout: string; stderr: string; status: number | null }> =>
      rseq(['trace', 'export', copy, '-', '--format', 'json'])
    cpSync(shop.path, copy, { recursive: true })
    expect(parseLines((await read()).stdout).events.length).toBe(written.length)
    const whole = readFileSync(join(copy, ring))
    const random = randomOf(99)
    let skipped = 0
    for (let round = 0; round < 12; round++) {
      const bytes = Buffer.from(whole)
      for (let k = 0; k < 2000; k++) bytes[random(bytes.length)] = random(256)
      // The words and the first records of each CPU are hit, too.
      if (round % 2 === 0) for (let k = 0; k < 200; k++) bytes[200 + random(40_000)] = random(256)
      writeFileSync(join(copy, ring), bytes)
      if (round % 4 === 3) truncateSync(join(copy, ring), random(bytes.length))
      const { stdout, stderr } = await read()
      expect(parseLines(stdout).events.length).toBeLessThanOrEqual(written.length)
      if (/damaged|discarded|truncated|overwritten|fit together|magic/.test(stderr)) skipped++
    }
    expect(skipped).toBeGreaterThan(3)
    writeFileSync(join(copy, ring), whole)
    const definition = readFileSync(join(copy, events))
    const at = definition.indexOf('"events"')
    definition[at] = (definition[at] ?? 0) ^ 1
    writeFileSync(join(copy, events), definition)
    const { status, stderr } = await read()
    expect(status).toBe(1)
    expect(stderr).toMatch(/\.events\.\w+ has a definition that does not fit its check/)
  })

  test('turns events on and off in a running process, at once', async () => {
    const events = defineEvents('web', {
      'http:start': { level: 'debug', fields: { url: 'string' } },
      'http:end': { level: 'debug' },
      failed: { level: 'error' },
    })
    const running = events.open(shop)
    expect(running['http:start']('/')).toBe(false)
    expect(await trace('enable', 'shop', 'web:http:*')).toMatchObject({
      status: 0,
      stdout: 'On: web:http:start, web:http:end\n',
    })
    expect([running['http:start']('/'), running['http:end']()]).toEqual([true, true])
    expect((await trace('enable', 'shop', '*', '--level', 'error', '--sample', '3')).stdout).toBe(
      'On: web:failed\n',
    )
    expect([running.failed(), running.failed(), running.failed()]).toEqual([false, false, true])
    const { stdout } = await trace('list', 'shop')
    expect(stdout).toMatch(/^web:failed +error +1 in 3 +event/m)
    expect(stdout).toMatch(/^web:http:start +debug +on +event +\w+ +url: string$/m)
    await trace('disable', 'shop', '*')
    expect([running['http:start']('/'), running.failed()]).toEqual([false, false])
    const refused = await trace('enable', 'shop', 'nothing')
    expect(refused).toMatchObject({ status: 1 })
    expect(refused.stderr).toContain('web:http:start, web:http:end, web:failed')
  })

  test('follows the events as they come', async () => {
    const running = defineEvents('live', {
      said: { fields: { text: 'string' } },
      other: { level: 'critical' },
    }).open(shop)
    running.said('before\x1b[2J')
    const child = spawn(
      process.execPath,
      [CLI, 'trace', 'tail', 'shop', 'said', '--directory', place.directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (lines.length === 3) break
      running.other()
      running.said(`after ${lines.length}`)
    }
    child.kill('SIGINT')
    const head = /^\d{4}-\S+Z live:said info cpu \d+ pid \d+ thread \d+: text=/
    expect(lines.every((line) => head.test(line))).toBe(true)
    expect(lines.map((line) => line.replace(head, ''))).toEqual([
      String.raw`"before\u001b[2J"`,
      '"after 1"',
      '"after 2"',
    ])
  })

  test('refuses what it cannot do', async () => {
    writeSome(1, 1)
    writeFileSync(join(out, 'there'), '')
    const all = await Promise.all([
      trace('export', 'shop', join(out, 'there'), '--format', 'json'),
      trace('export', 'nothing', join(out, 'x')),
      trace('export', 'shop', join(out, 'x'), '--format', 'xml'),
      trace('enable', 'shop', '*', '--sample', '0'),
      trace('export', 'shop', join(out, 'there')),
    ])
    const messages = [/where nothing is/, /'nothing'/, /ctf, ctf2, perfetto/, /from 1 to/, /where nothing is/]
    all.forEach(({ status, stderr }, k) => {
      expect(status).toBe(1)
      expect(stderr).toMatch(messages[k] as RegExp)
    })
    openShared('empty', { directory: place.directory })
    expect((await trace('list', 'empty')).stderr).toMatch(/has none/)
  })
})

/** A value as a decoded message has it: whole numbers as bigints. */
function comparable(value: DecodedValue): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)) return BigInt(value)
  if (typeof value === 'object')
    return [...(value as readonly (number | bigint)[])].map((one) => comparable(one))
  return value
}
