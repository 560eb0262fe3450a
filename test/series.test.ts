/** The metrics of rseq/prom-client as they are read from outside: `rseq metrics`, and `rseq top` with its metrics. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync, writeSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Model, choose } from '../lib/cli/top/model.js'
import { findService } from '../lib/inspect/index.js'
import { MetricsReader, exposedOf } from '../lib/series/reader.js'
import { STALE_MS, roundNow, staleOf } from '../lib/series/round.js'
import { WholeReader } from '../lib/series/service-reader.js'
import { textPieces } from '../lib/metrics/text.js'
import { openShared } from '../lib/shared/index.js'
import { rseq } from './cli/command.js'
import { machineWithSectionsOr } from './support/machine.js'
import { Prometheus, promtool } from './support/prometheus.js'
import { Place, WHY_NO_SHM, type Actor } from './support/shared.js'
import { samplesOf } from './support/samples.js'
import { isInstalled } from './support/toolchains.js'

const CLI = join(import.meta.dirname, '..', 'lib', 'cli', 'main.js')

interface Answer {
  status: number | undefined
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, method, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) })
      })
    })
    asked.on('error', reject).end()
  })
}

test('a process is stale if its last round is five seconds old, and never if it has none', () => {
  const ago = (ms: number): number => (roundNow() - ms) | 0 || 1
  const notes = [0, ago(0), ago(STALE_MS + 1000), ago(STALE_MS * 100), ago(-1000)]
  const stale = staleOf([0, 1, 2, 3, 4], (column) => notes[column] ?? 0)
  expect(stale.map(([column]) => column)).toEqual([2, 3])
  expect(stale[0]?.[1]).toBeGreaterThanOrEqual(6)
  expect(stale[1]?.[1]).toBeGreaterThanOrEqual(500)
  expect(staleOf([1, 4], (column) => notes[column] ?? 0)).toEqual([])
})

describe.skipIf(WHY_NO_SHM !== '')('metrics from outside', () => {
  let place: Place
  const servers: ChildProcess[] = []
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      const ended = server.exitCode === null ? once(server, 'exit') : null
      server.kill('SIGKILL')
      await ended
    }
    await (place as Place | undefined)?.end()
  })
  const actor = (): Promise<Actor> => place.promActor({ RSEQ_SHARE: join(place.directory, 'shop') })
  const metrics = (...options: string[]) =>
    rseq(['metrics', 'shop', '--directory', place.directory, ...options])
  const once_ = async (...options: string[]): Promise<string> => {
    const { status, stdout, stderr } = await metrics('--once', ...options)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    return stdout
  }

  /** Starts a server at any port; returns the address of the metrics. */
  async function serve(): Promise<string> {
    const server = spawn(
      process.execPath,
      [CLI, 'metrics', 'shop', '--directory', place.directory, '--port', '0'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    servers.push(server)
    for await (const line of createInterface({ input: server.stdout })) return line
    throw new Error('the server ended')
  }

  test('it says what the processes themselves say, before and after they die', async () => {
    const [one, other] = [await actor(), await actor()]
    await one.ask('set', { value: 5 })
    await other.ask('set', { value: 20 })
    await one.ask('inc', { kind: 'a', by: 3 })
    await one.ask('inc', { kind: 'a"\n\\', by: 0.5 })
    await other.ask('release', { buckets: [1, 2.5], labelNames: ['a', 'b'] })
    const inside = samplesOf(await one.ask('cluster'))
    // Quantiles are those of the process that is asked: the text of the cluster has those of nothing.
    // On a busy machine a process may be stale.
    const isSame = ([name]: [string, number]): boolean => !/quantile=|^rseq_process_stale/.test(name)
    const shown = Object.entries(inside).filter(isSame)
    const outside = Object.fromEntries(Object.entries(samplesOf(await once_())).filter(isSame))
    const { rseq_service_processes: living, ...rest } = outside
    expect(rest).toEqual(Object.fromEntries(shown))
    expect(living).toBe(2)
    expect(rest['gauge_sum{of="x"}']).toBe(25)
    expect(rest['gauge_process{of="x",process="1"}']).toBe(20)
    await other.kill()
    expect(samplesOf(await once_())).toMatchObject({ 'gauge_sum{of="x"}': 5, rseq_service_processes: 1 })
    await one.kill()
    const dead = samplesOf(await once_())
    // Counts stay, whatever killed their process; the gauges are gone with it.
    expect(Object.keys(dead).filter((name) => name.startsWith('gauge_'))).toEqual([])
    expect(dead['requests_total{kind="a"}']).toBe(3)
    expect(dead['changed_bucket{le="2.5"}']).toBe(1)
    expect(dead['rseq_service_processes']).toBe(0)
  })

  test('a process that does not answer is said to be stale, inside and outside, until it goes on', async () => {
    const [one, other] = [await actor(), await actor()]
    await one.ask('set', { value: 1 })
    await other.ask('set', { value: 2 })
    const stale = async (): Promise<boolean[]> => {
      const [inside, outside] = [samplesOf(await one.ask('cluster')), samplesOf(await once_())]
      const own = samplesOf(await one.ask('text'))
      return [inside, own, outside].map((seen) => (seen['rseq_process_stale_seconds{process="1"}'] ?? 0) >= 5)
    }
    const until = async (wanted: boolean): Promise<void> => {
      while ((await stale()).some((is) => is !== wanted)) await pause(50)
    }
    process.kill(other.pid, 'SIGSTOP')
    await until(true)
    // Its last values are shown.
    expect(samplesOf(await once_())['gauge_sum{of="x"}']).toBe(3)
    process.kill(other.pid, 'SIGCONT')
    await until(false)
    process.kill(other.pid, 'SIGSTOP')
    await until(true)
    await other.kill()
    await until(false)
  })

  test('a collect() that never comes back makes its process stale; the others of the process go on', async () => {
    const one = await actor()
    await one.ask('hang')
    const seen = async (): Promise<Record<string, number>> => samplesOf(await once_())
    const first = (await seen())['going_on'] ?? 0
    for (;;) {
      const now = await seen()
      if ((now['rseq_process_stale_seconds{process="0"}'] ?? 0) >= 5 && (now['going_on'] ?? 0) > first + 2)
        break
      await pause(50)
    }
  })

  test('the server negotiates formats and compression, and says what is not there', async () => {
    const one = await actor()
    await one.ask('set', { value: 5 })
    const url = await serve()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    const plain = await get(url)
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(samplesOf(plain.body.toString())['gauge_max{of="x"}']).toBe(5)
    const open = await get(url, {
      accept: 'application/openmetrics-text; version=1.0.0',
      'accept-encoding': 'gzip',
    })
    expect(open.headers).toMatchObject({
      'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'content-encoding': 'gzip',
    })
    const text = gunzipSync(open.body).toString()
    expect(text).toMatch(/# EOF\n$/)
    expect(samplesOf(text)['requests_total{kind="set"}']).toBe(1)
    expect(text).toContain('# TYPE requests counter\n')
    expect((await get(url, {}, 'HEAD')).body).toHaveLength(0)
    expect((await get(url, {}, 'POST')).status).toBe(405)
    expect((await get(new URL('/', url).href)).status).toBe(404)
    const protobuf = await get(url, {
      accept: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    })
    expect(protobuf.headers['content-type']).toContain('application/vnd.google.protobuf')
    await one.kill()
    rmSync(join(place.directory, 'rseq.shop'), { recursive: true })
    const gone = await get(url)
    expect([gone.status, gone.body.toString()]).toEqual([
      503,
      expect.stringContaining('service: expected one that exists'),
    ])
    // The service comes back as another one.
    const next = await actor()
    await next.ask('set', { value: 7 })
    expect(samplesOf((await get(url)).body.toString())['gauge_max{of="x"}']).toBe(7)
  })

  test('bad arguments are refused', async () => {
    const one = await actor()
    openShared('empty', { directory: place.directory })
    const empty = await rseq(['metrics', 'empty', '--directory', place.directory, '--once'])
    expect(empty.stderr).toContain('no process shares metrics by client.share()')
    await one.ask('set', { value: 5 })
    expect((await metrics('--format', 'openmetrics')).stderr).toContain(
      '--format: expected together with --once',
    )
    expect((await metrics('--once', '--format', 'xml')).stderr).toContain('prometheus, openmetrics, protobuf')
    expect((await metrics('--port', '65536')).stderr).toContain('Expected a whole number from 0 to 65535.')
    const nobody = await rseq(['metrics', 'nobody', '--directory', place.directory, '--once'])
    expect([nobody.status, nobody.stderr]).toEqual([1, expect.stringContaining("'nobody'")])
  })

  test.skipIf(!isInstalled('prometheus'))(
    'Prometheus scrapes it, also when all processes were killed',
    async () => {
      const one = await actor()
      await one.ask('defaults')
      await one.ask('set', { value: 5 })
      await one.ask('inc', { kind: 'a', by: 41 })
      expect(
        promtool(await once_())
          .split('\n')
          .filter((line) => line.includes('error')),
      ).toEqual([])
      const port = Number(new URL(await serve()).port)
      const prometheus = await Prometheus.start(port)
      try {
        const requests = await prometheus.until(
          'requests_total{kind="a"}',
          ([sample]) => sample?.value === 41,
        )
        expect(requests.map(({ value }) => value)).toEqual([41])
        expect(await prometheus.until('gauge_sum', (all) => all.length === 1)).toMatchObject([{ value: 5 }])
        await one.ask('inc', { kind: 'a', by: 1 })
        await one.kill()
        const gone = await prometheus.until('gauge_sum', (all) => all.length === 0)
        expect(gone).toEqual([])
        const total = await prometheus.until('requests_total{kind="a"}', ([sample]) => sample?.value === 42)
        expect(total.map(({ value }) => value)).toEqual([42])
        expect(await prometheus.until('up', ([sample]) => sample?.value === 1)).toMatchObject([{ value: 1 }])
      } finally {
        await prometheus.stop()
      }
    },
  )

  test('rseq top shows metrics by name and labels with their rates, and rseq ls how many there are', async () => {
    const one = await actor()
    await one.ask('inc', { kind: 'a"b', by: 3 })
    await one.ask('set', { value: 5 })
    const at = ['shop', '--directory', place.directory]
    const text = await rseq(['top', ...at, '--once', '--sort', 'name'])
    expect(text.stdout).toMatch(/^requests_total\{kind="a\\"b"\} +counter +3 .*Requests\.$/m)
    expect(text.stdout).toMatch(/^gauge_sum\{of="x"\} +gauge +5 /m)
    expect(text.stdout).toMatch(/^prom-client +series .* \d+ metrics with \d+ series$/m)
    const { stdout } = await rseq(['ls', ...at])
    expect(stdout).toMatch(/^prom-client +series .* \d+ metrics with \d+ series$/m)
    interface Look {
      objects: {
        content: string
        metric?: string
        labels?: object
        total: number
        perCpu: number[]
        overflow: number
      }[]
    }
    const { objects } = JSON.parse((await rseq(['top', ...at, '--once', '--json'])).stdout) as Look
    const [series] = objects.filter(({ metric }) => metric === 'requests_total')
    expect(series).toMatchObject({ content: 'metric', total: 3, labels: { kind: 'a"b' } })
    expect((series?.perCpu ?? []).reduce((a, b) => a + b, series?.overflow ?? 0)).toBe(3)
  })

  test('a series that grows has a rate, and goes before those that do not', async () => {
    const one = await actor()
    await one.ask('set', { value: 5 })
    const reader = new WholeReader(findService(join(place.directory, 'rseq.shop')), true)
    const model = new Model()
    model.take(reader.read())
    await one.ask('inc', { kind: 'set', by: 1000 })
    const later = reader.read()
    reader.close()
    const seconds = (later.at - (model.snapshot?.at ?? 0)) / 1000
    model.take(later)
    const rows = choose(model.rows, { sort: 'rate', isReversed: false, filter: '' })
    expect(rows[0]?.object.name).toBe('requests_total{kind="set"}')
    expect(rows[0]?.rate).toBeCloseTo(1000 / seconds)
    const gauge = rows.find(({ object }) => object.name === 'gauge_sum{of="x"}')
    expect([gauge?.total, gauge?.rate]).toEqual([5, 0])
  })

  test('a file that was removed does not stay open in a reader that goes on', async () => {
    const one = await actor()
    await one.ask('set', { value: 1 })
    await one.kill()
    const directory = join(place.directory, 'rseq.shop')
    const openFiles = (): string[] =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)].filter(
            (path) => path.startsWith(directory) && path.includes('.series.'),
          )
        } catch {
          return []
        }
      })
    const reader = new MetricsReader(findService(directory))
    expect(reader.read().files).toHaveLength(1)
    expect(openFiles()).toHaveLength(1)
    for (const file of readdirSync(directory).filter((name) => name.includes('.series.')))
      rmSync(join(directory, file))
    expect([...reader.read().files]).toEqual([])
    expect(openFiles()).toEqual([])
    reader.close()
  })

  test('overwritten bytes are a problem of the file, and never an end of the reader', async () => {
    const one = await actor()
    await one.ask('set', { value: 1 })
    await one.kill()
    const directory = join(place.directory, 'rseq.shop')
    const [name = ''] = readdirSync(directory).filter((file) => file.includes('.series.'))
    const path = join(directory, name)
    const good = readFileSync(path)
    let random = 7
    const next = (below: number): number => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      return Math.floor((random / 2 ** 32) * below)
    }
    const reader = new MetricsReader(findService(directory))
    const file = openSync(path, 'r+')
    let [read, refused] = [0, 0]
    for (let round = 0; round < 60; round++) {
      const bytes = Buffer.from(good)
      // The header, the columns, the label table and its records, and all that follows, in turn.
      const end = [64, 8256, 200_000, bytes.length][round % 4] ?? 0
      // Of the header one word after the other is overwritten.
      if (end === 64) bytes.writeUInt32LE(next(2 ** 32), round)
      else for (let k = 0; k < 500; k++) bytes.writeUInt32LE(next(2 ** 32), 4 * next(Math.floor(end / 4)))
      writeSync(file, bytes, 0, bytes.length, 0)
      const look = reader.read(true)
      if (look.problems.length > 0) refused++
      else read++
      const text = [...textPieces(exposedOf(look), 'openmetrics', 'underscores')].join('')
      expect(text).toMatch(/# EOF\n$/)
    }
    closeSync(file)
    reader.close()
    expect(read).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
  })
})
