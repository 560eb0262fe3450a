/** `rseq trace record`, and the formats CTF 2 and OTLP of `rseq trace export`, read by readers that know the formats alone. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findService } from '../lib/inspect/index.js'
import { type SharedDirectory } from '../lib/shared/index.js'
import { defineEvents } from '../lib/trace/index.js'
import { PACKET_SIZE_AT } from '../lib/trace/ctf/packets.js'
import { PacketFiles } from '../lib/trace/recorder/packet-files.js'
import { Recorder } from '../lib/trace/recorder/recorder.js'
import { environment, rseq } from './cli/command.js'
import { supportAndCpusOr } from './support/addon.js'
import { WHY_NO_BABELTRACE, babeltrace } from './support/babeltrace.js'
import { ctf2Fragments, readCtf2 } from './support/ctf2.js'
import { readOtlp } from './support/otlp.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'
import { randomEvents, randomOf, writeOne } from './support/trace-fuzz.js'

const CLI = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url))

describe.skipIf(WHY_NO_SHM !== '')('rseq trace', () => {
  let place: Place
  let shop: SharedDirectory
  let out: string
  let recorders: ChildProcess[]
  useService((made, service) => {
    place = made
    shop = service
  })
  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'rseq-trace-'))
    recorders = []
  })
  afterEach(async () => {
    for (const recorder of recorders) {
      if (recorder.exitCode !== null || recorder.signalCode !== null) continue
      const ended = once(recorder, 'close')
      recorder.kill('SIGKILL')
      await ended
    }
    rmSync(out, { recursive: true, force: true })
  })
  const trace = (...args: string[]): ReturnType<typeof rseq> =>
    rseq(['trace', ...args, '--directory', place.directory])

  /**
   * Starts a recorder, and waits until it has read what there is. It has ended at its event `close`: at `exit`, some of what it
   * wrote may still be on its way.
   */
  async function record(...args: string[]): Promise<{ recorder: ChildProcess; stderr: () => string }> {
    const options = ['trace', 'record', 'shop', join(out, 'rec'), '--directory', place.directory, ...args]
    const recorder = spawn(process.execPath, [CLI, ...options], { env: environment(), stdio: 'pipe' })
    recorders.push(recorder)
    let stderr = ''
    recorder.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const first = await createInterface({ input: recorder.stdout })[Symbol.asyncIterator]().next()
    expect(first.value, stderr).toMatch(/^Recording /)
    return { recorder, stderr: () => stderr }
  }

  const recorded = (): { events: { k: number; text: string }[]; discarded: number } => {
    const { events, discarded, stderr } = babeltrace(join(out, 'rec'))
    expect(stderr.replaceAll(/^.*Tracer discarded.*$\n?/gm, '')).toBe('')
    return { events: events.map(({ fields }) => fields as unknown as { k: number; text: string }), discarded }
  }

  /**
   * Looks at a recording until it has an event.
   *
   * @param hasRemoved - whether files are removed meanwhile: babeltrace2 fails at one that it has found in the directory but cannot open.
   */
  async function until(k: number, hasRemoved = false): Promise<void> {
    const hasEvent = (): boolean => {
      try {
        return recorded().events.some((event) => event.k === k)
      } catch (error) {
        if (hasRemoved) return false
        throw error
      }
    }
    while (!hasEvent()) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  const numbered = { numbered: { fields: { k: 'u32', text: 'string' } } } as const
  const write = (to: { numbered: (k: number, text: string) => void }, from: number, count: number): void => {
    for (let k = from; k < from + count; k++) to.numbered(k, `number ${k}`)
  }
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, k) => k)
  const inOrder = (events: readonly { k: number }[]): number[] =>
    events.map(({ k }) => k).sort((a, b) => a - b)

  describe.skipIf(WHY_NO_BABELTRACE !== '')('record', { timeout: 240_000 }, () => {
    test('writes files that babeltrace2 reads while they are written, and after the recorder has ended', async () => {
      const events = defineEvents('shop', numbered).open(shop)
      write(events, 0, 3000)
      const { recorder, stderr } = await record('--max-size', '256K')
      expect(inOrder(recorded().events)).toEqual(numbers(3000))
      for (let k = 3000; k < 12_000; k += 3000) {
        write(events, k, 3000)
        await until(k + 2999)
      }
      const late = defineEvents('late', numbered).open(shop)
      write(late, 12_000, 1)
      await until(12_000)
      const ended = once(recorder, 'close')
      recorder.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
      expect(stderr()).toBe('')
      const { events: all, discarded } = recorded()
      expect([inOrder(all), discarded]).toEqual([numbers(12_001), 0])
      expect(all.every(({ k, text }) => text === `number ${k}`)).toBe(true)
      const [first = ''] = readdirSync(join(out, 'rec')).filter((name) => name.startsWith('shop'))
      expect(readdirSync(join(out, 'rec', first)).length).toBeGreaterThan(2)
    })

    test('keeps as many files of each CPU as are wanted: the youngest', async () => {
      const events = defineEvents('shop', numbered).open(shop)
      await record('--max-size', '256K', '--max-files', '2')
      for (let k = 0; k < 40_000; k += 4000) {
        write(events, k, 4000)
        await until(k + 3999, true)
      }
      const [name = ''] = readdirSync(join(out, 'rec'))
      const files = readdirSync(join(out, 'rec', name)).filter((file) => file !== 'metadata')
      const streams = new Set(files.map((file) => file.slice(0, -9)))
      for (const stream of streams)
        expect(files.filter((file) => file.startsWith(`${stream}_`)).length).toBeLessThanOrEqual(2)
      const all = inOrder(recorded().events)
      expect(all.length).toBeLessThan(40_000)
      expect(all.at(-1)).toBe(39_999)
    })

    test.each([1, 2, 3])('is whole after the recorder was killed (%i)', async () => {
      const events = defineEvents('shop', numbered).open(shop)
      const { recorder } = await record('--max-size', '256K')
      write(events, 0, 2000)
      await until(1999)
      const ended = once(recorder, 'close')
      // The recorder is busy with these when it dies.
      write(events, 2000, 8000)
      recorder.kill('SIGKILL')
      await ended
      const all = inOrder(recorded().events)
      expect(new Set(all).size).toBe(all.length)
      expect(all.slice(0, 2000)).toEqual(numbers(2000))
      // The service does not notice.
      write(events, 10_000, 1)
      expect(events.snapshot().at(-1)?.values['k']).toBe(10_000)
    })

    test('goes on when the service was killed, and ends when its directory is removed', async () => {
      const actor = await place.actor()
      const events = defineEvents('shop', numbered).open(shop)
      const { recorder } = await record()
      await actor.kill()
      write(events, 0, 100)
      await until(99)
      const ended = once(recorder, 'close')
      rmSync(shop.path, { recursive: true })
      expect(await ended).toEqual([0, null])
      expect(inOrder(recorded().events)).toEqual(numbers(100))
    })

    test('counts by CPU what was discarded and what was overwritten while it recorded', async () => {
      const full = defineEvents('full', numbered).open(shop, { bytesPerCpu: 4096, policy: 'discard' })
      const young = defineEvents('young', numbered).open(shop, { bytesPerCpu: 4096 })
      write(full, 0, 1)
      write(young, 0, 1)
      const { recorder, stderr } = await record()
      // The recorder sleeps: the rings run over.
      recorder.kill('SIGSTOP')
      while (!/\) T /.test(readFileSync(`/proc/${recorder.pid}/stat`, 'utf8'))) await turn()
      write(full, 1, 1000)
      write(young, 1, 1000)
      recorder.kill('SIGCONT')
      const ended = once(recorder, 'close')
      recorder.kill('SIGINT')
      expect(await ended).toEqual([0, null])
      expect(stderr()).toMatch(/^rseq: full, CPU \d+: \d+ events were discarded$/m)
      expect(stderr()).toMatch(
        /^rseq: young, CPU \d+: \d+ bytes of events were overwritten before they were read$/m,
      )
      const lost = [...stderr().matchAll(/(\d+) events were discarded/g)]
      expect(lost.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(full.dropped)
      expect(recorded().discarded).toBeGreaterThan(full.dropped)
    })

    test('has the events of CPUs whose rings came when it had begun, as theirs', async ({ skip }) => {
      const { support, cpus } = supportAndCpusOr(skip)
      const [first = 0, second = 0] = [...cpus].sort((a, b) => a - b)
      const on = (cpu: number, body: () => void): void => {
        support.setAffinity(0, [cpu])
        try {
          body()
        } finally {
          support.setAffinity(0, cpus)
        }
      }
      // Large rings: that of the second CPU is not in the pages of the first one's.
      const events = defineEvents('shop', numbered).open(shop, { bytesPerCpu: 65_536 })
      const full = defineEvents('full', numbered).open(shop, { bytesPerCpu: 65_536, policy: 'discard' })
      for (const to of [events, full])
        on(first, () => {
          write(to, 0, 10)
        })
      const { recorder, stderr } = await record()
      recorder.kill('SIGSTOP')
      while (!/\) T /.test(readFileSync(`/proc/${recorder.pid}/stat`, 'utf8'))) await turn()
      on(second, () => {
        write(events, 10, 10)
        write(full, 10, 5000)
      })
      on(first, () => {
        write(events, 20, 10)
      })
      recorder.kill('SIGCONT')
      const ended = once(recorder, 'close')
      recorder.kill('SIGINT')
      expect(await ended).toEqual([0, null])
      expect(stderr()).toBe(`rseq: full, CPU ${second}: ${full.dropped} events were discarded\n`)
      expect(full.dropped).toBeGreaterThan(0)
      const shops = readdirSync(join(out, 'rec')).filter((name) => name.startsWith('shop'))
      expect(shops.length).toBe(1)
      const streams = readdirSync(join(out, 'rec', shops[0] ?? '')).filter((name) => name.startsWith('cpu_'))
      expect(streams.map((name) => Number(name.split('_')[1]))).toEqual(
        expect.arrayContaining([first, second]),
      )
      const { events: seen } = babeltrace(join(out, 'rec', shops[0] ?? ''))
      expect(inOrder(seen.map(({ fields }) => fields as unknown as { k: number }))).toEqual(numbers(30))
    })

    test('a file is whole at each moment of writing a packet', async () => {
      const events = defineEvents('shop', numbered).open(shop)
      write(events, 0, 20_000)
      const done = await trace('export', 'shop', join(out, 'whole'))
      expect(done.status).toBe(0)
      const [name = ''] = readdirSync(join(out, 'whole'))
      const from = join(out, 'whole', name)
      const sizeOf = (file: string): number => readFileSync(join(from, file)).length
      const [stream = ''] = readdirSync(from)
        .filter((file) => file !== 'metadata')
        .sort((a, b) => sizeOf(b) - sizeOf(a))
      const exported = readFileSync(join(from, stream))
      const sizeAt = (at: number): number => Number(exported.readBigUInt64LE(at + PACKET_SIZE_AT)) / 8
      const first = exported.subarray(0, sizeAt(0))
      const second = exported.subarray(first.length, first.length + sizeAt(first.length))
      expect(second.length).toBeGreaterThan(60)
      const directory = join(out, 'rec', 'moments')
      mkdirSync(directory, { recursive: true })
      copyFileSync(join(from, 'metadata'), join(directory, 'metadata'))
      const files = new PacketFiles(directory, 'cpu', { maxSize: 2 ** 18, maxFiles: Infinity })
      files.append(Buffer.from(first))
      const path = join(directory, 'cpu_00000001')
      const before = readFileSync(path)
      files.append(Buffer.from(second))
      files.close()
      const after = readFileSync(path)
      const count = (bytes: Buffer): number => {
        writeFileSync(path, bytes)
        return recorded().events.length
      }
      const one = count(before)
      expect(one).toBeGreaterThan(0)
      for (const kept of [0, 1, 40, 60, second.length - 1, second.length]) {
        const partly = Buffer.from(before)
        after.copy(partly, first.length, first.length, first.length + kept)
        expect(count(partly)).toBe(one)
      }
      expect(count(after)).toBeGreaterThan(one)
      // The check can fail: a packet behind the end of the file's last one, without the padding.
      expect(() => count(Buffer.concat([first, second.subarray(0, 60)]))).toThrow()
    })
  })

  test.each([1, 2, 3, 4])(
    'a reader of CTF 2 reads any events by the metadata alone (seed %i)',
    async (seed) => {
      const random = randomOf(seed)
      const { events, schema } = randomEvents(random)
      const fuzz = defineEvents('fuzz', schema).open(shop)
      const written = numbers(300).flatMap(() => {
        const event = events[random(events.length)]
        return event === undefined ? [] : writeOne(fuzz, event, random)
      })
      expect((await trace('export', 'shop', join(out, 'two'), '--format', 'ctf2')).status).toBe(0)
      const [name = ''] = readdirSync(join(out, 'two'))
      const { events: read, discarded } = readCtf2(join(out, 'two', name))
      expect(discarded).toBe(0n)
      const text = (of: string, values: object): string =>
        JSON.stringify([of, values], (_, value: unknown) =>
          typeof value === 'bigint' || typeof value === 'number'
            ? String(Object.is(value, -0) ? 0 : value)
            : value,
        )
      const shown = read.map(({ name: of, fields }) => {
        const own = Object.entries(fields).filter(([field]) => !field.startsWith('length_of_'))
        return text(of, Object.fromEntries(own))
      })
      const expected = written.map(({ event, phase, values, cut }) => {
        const all = Object.entries(values).map(([field, value]) => [
          field,
          typeof value === 'string' ? value + (cut.includes(field) ? '…' : '') : value,
        ])
        return text(`fuzz:${event}${phase === 'event' ? '' : `:${phase}`}`, Object.fromEntries(all) as object)
      })
      expect(shown.sort()).toEqual(expected.sort())
    },
  )

  test('the reader of CTF 2 refuses metadata that the specification does not allow', async () => {
    defineEvents('shop', numbered).open(shop).numbered(1, 'one')
    expect((await trace('export', 'shop', join(out, 'two'), '--format', 'ctf2')).status).toBe(0)
    const [name = ''] = readdirSync(join(out, 'two'))
    const path = join(out, 'two', name)
    const text = readFileSync(join(path, 'metadata'), 'utf8')
    expect(readCtf2(path).events[0]?.fields).toEqual({ k: 1n, text: 'one' })
    expect(() => ctf2Fragments(text.slice(1))).toThrow(/separator/)
    expect(() => ctf2Fragments(text.replace('"frequency"', '"frequencies"'))).toThrow(/missing frequency/)
    writeFileSync(join(path, 'metadata'), text.replace('"length":16', '"length":32'))
    expect(() => readCtf2(path)).toThrow()
  })

  const spans = {
    request: {
      kind: 'span',
      fields: { url: 'string', big: 'u64', on: 'bool' },
      end: { status: 'u16', ms: 'f64' },
    },
    inner: {
      kind: 'span',
      fields: { trace_id: 'string', parent_span_id: 'string', all: 'i64[]', raw: 'bytes' },
    },
    event: { fields: { k: 'u32' } },
  } as const

  test('writes spans for OpenTelemetry, and nothing else', async () => {
    const work = defineEvents('work', spans).open(shop)
    const [traceId, parent] = ['0123456789abcdef0123456789abcdef', '00000000000000ab']
    const request = work.request('/cart', 2n ** 64n - 1n, true)
    work.event(1)
    const inner = work.inner(traceId, parent, [-1n, 2n], new Uint8Array([1, 2]))
    inner()
    request(200, 1.5)
    work.request('/open', 1n, false)
    expect((await trace('export', 'shop', join(out, 'spans'), '--format', 'otlp')).status).toBe(0)
    const { spans: read, missing } = readOtlp(readFileSync(join(out, 'spans'), 'utf8'))
    expect(missing).toEqual([])
    const by = new Map(read.map((span) => [(span.attributes['url'] as string | undefined) ?? 'inner', span]))
    expect([...by.keys()].sort()).toEqual(['/cart', '/open', 'inner'])
    expect(by.get('/cart')).toMatchObject({
      ...{ name: 'work:request', scope: 'work', parentSpanId: '' },
      resource: { 'service.name': 'shop', 'process.pid': BigInt(process.pid) },
      attributes: { big: String(2n ** 64n - 1n), on: true, status: 200n, ms: 1.5, 'rseq.level': 'info' },
    })
    expect(by.get('inner')).toMatchObject({ traceId, parentSpanId: parent, attributes: { all: [-1n, 2n] } })
    expect(Buffer.from(by.get('inner')?.attributes['raw'] as Uint8Array)).toEqual(Buffer.from([1, 2]))
    expect(by.get('/open')?.attributes['rseq.unfinished']).toBe(true)
    expect(new Set(read.map(({ spanId }) => spanId)).size).toBe(3)
    for (const { start, end } of read) expect(end >= start).toBe(true)
    expect(() => readOtlp('{"resourceSpans":[{"spans":[]}]}')).toThrow(/no field spans/)
    expect(() => readOtlp('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"AAAA"}]}]}]}')).toThrow(
      /traceId/,
    )
  })

  test('says in the spans what is missing', async () => {
    const full = defineEvents('full', { work: { kind: 'span' } }).open(shop, {
      bytesPerCpu: 4096,
      policy: 'discard',
    })
    for (let k = 0; k < 1000; k++) full.work()()
    const { stdout } = await trace('export', 'shop', '-', '--format', 'otlp')
    const { missing } = readOtlp(stdout)
    expect(missing.join()).toMatch(/^full, CPU \d+: \d+ events were discarded/)
  })

  test('sends spans to a collector, and says what it answers', async () => {
    const work = defineEvents('work', spans).open(shop)
    for (let k = 0; k < 600; k++) work.request(`/${k}`, 1n, true)(200, 1)
    const bodies: string[] = []
    let status = 200
    const collector = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      request.on('end', () => {
        bodies.push(body)
        response.writeHead(status, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}')
      })
    }).listen(0, '127.0.0.1')
    await once(collector, 'listening')
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`
    try {
      const sent = await trace('export', 'shop', url, '--format', 'otlp')
      expect(sent).toMatchObject({ status: 0, stderr: '' })
      expect(bodies.length).toBe(3)
      const urls = readOtlp(bodies.join('\n')).spans.map(({ attributes }) => attributes['url'])
      expect(new Set(urls).size).toBe(600)
      status = 400
      expect(await trace('export', 'shop', url, '--format', 'otlp')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('answered 400') as string,
      })
    } finally {
      collector.closeAllConnections()
      collector.close()
      await once(collector, 'close')
    }
    const refused = await trace('export', 'shop', url, '--format', 'otlp')
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('does not answer') as string })
  })

  test('a copy shows the times of the machine that wrote it', async () => {
    const before = BigInt(Date.now()) * 1_000_000n
    const events = defineEvents('shop', numbered).open(shop)
    write(events, 0, 10)
    const here = (await trace('export', 'shop', '-', '--format', 'json')).stdout
    cpSync(shop.path, join(out, 'copy'), { recursive: true })
    // Another machine has another boot, other clocks, and perhaps a time namespace: nothing of them is asked.
    const options = ['trace', 'export', join(out, 'copy'), '-', '--format', 'json']
    const there = (await rseq(options)).stdout
    expect(there).toBe(here)
    const times = here
      .trimEnd()
      .split('\n')
      .map((line) => BigInt((JSON.parse(line) as { time: string }).time))
    const second = 1_000_000_000n
    expect(
      times.every((time) => time > before - second && time < BigInt(Date.now()) * 1_000_000n + second),
    ).toBe(true)
  })

  const openHere = (): string[] =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(place.directory))
      } catch {
        return []
      }
    })
  const recorderOf = (): Recorder =>
    new Recorder(
      findService(shop.path),
      join(out, 'rec'),
      { maxSize: 2 ** 18, maxFiles: Infinity },
      { pattern: '*', level: 'debug' },
    )
  const written = (name: string): string => {
    const directory = readdirSync(join(out, 'rec')).find((file) => file.startsWith(`${name}.`)) ?? ''
    const files = readdirSync(join(out, 'rec', directory)).filter((file) => file !== 'metadata')
    return files.map((file) => readFileSync(join(out, 'rec', directory, file), 'latin1')).join('')
  }

  test('a ring that is overwritten ends the recording of its trace, and of no other', () => {
    const [one, other] = ['one', 'other'].map((name) => defineEvents(name, numbered).open(shop))
    const recorder = recorderOf()
    if (one === undefined || other === undefined) throw new Error('two traces were opened')
    write(one, 0, 5)
    expect(recorder.look()).toBe(true)
    const ring =
      readdirSync(shop.path).find((file) => file.startsWith('one') && file.includes('.ring.')) ?? ''
    const file = openSync(join(shop.path, ring), 'r+')
    writeSync(file, Buffer.alloc(4), 0, 4, 0)
    closeSync(file)
    write(other, 5, 5)
    for (let k = 0; k < 30; k++) expect(recorder.look()).toBe(true)
    expect(recorder.problems).toContainEqual(expect.stringMatching(/one.* is recorded no longer: /))
    expect(recorder.end()).toBe(true)
    expect(recorder.events).toBe(10)
    expect(written('one')).toContain('number 4')
    expect(written('other')).toContain('number 9')
    expect(readdirSync(join(out, 'rec'))).toHaveLength(2)
  })

  test('where nothing can be written, the other traces are, and no file stays open', () => {
    const [one, other] = ['one', 'other'].map((name) => defineEvents(name, numbered).open(shop))
    if (one === undefined || other === undefined) throw new Error('two traces were opened')
    const own = openHere().length
    const recorder = recorderOf()
    recorder.look()
    for (const name of readdirSync(join(out, 'rec')))
      if (name.startsWith('one.')) rmSync(join(out, 'rec', name), { recursive: true })
    // The first events of a CPU begin a file.
    write(one, 0, 5)
    write(other, 0, 5)
    expect(() => recorder.look()).toThrow(/ENOENT/)
    expect(recorder.end()).toBe(false)
    expect(recorder.problems).toContainEqual(expect.stringMatching(/ENOENT/))
    expect(written('other')).toContain('number 4')
    expect(openHere()).toHaveLength(own)
    rmSync(join(out, 'rec'), { recursive: true })
    const late = recorderOf()
    rmSync(join(out, 'rec'), { recursive: true })
    for (let k = 0; k < 30; k++) late.look()
    expect(late.problems).toContainEqual(expect.stringMatching(/ENOENT/))
    expect(openHere()).toHaveLength(own)
    expect(late.end()).toBe(true)
  })

  test('refuses what it cannot do, and names what it can', async () => {
    defineEvents('shop', numbered).open(shop)
    mkdirSync(join(out, 'there'))
    const all = await Promise.all([
      trace('record', 'shop', join(out, 'there')),
      trace('record', 'nothing', join(out, 'x')),
      trace('record', 'shop', join(out, 'x'), '--max-size', '1K'),
      trace('record', 'shop', join(out, 'x'), '--max-files', '0'),
      trace('export', 'shop', '-'),
      trace('export', 'shop', '-', '--format', 'ctf2'),
    ])
    const messages = [
      /where nothing is/,
      /'nothing'/,
      /256K to 1024G/,
      /from 1 to/,
      /a directory/,
      /a directory/,
    ]
    all.forEach(({ status, stderr }, k) => {
      expect(status).toBe(1)
      expect(stderr).toMatch(messages[k] as RegExp)
    })
  })
})
