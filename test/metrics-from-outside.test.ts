/** The metrics of `shop.metrics()` as they are read from outside, without the schema: `rseq metrics`, `rseq top` and `rseq ls`. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { textPieces } from '../lib/metrics/text.js'
import { findService } from '../lib/inspect/index.js'
import { MetricsReader, type MetricsLook } from '../lib/series/reader.js'
import type { SharedDirectory } from '../lib/shared/index.js'
import { rseq } from './cli/command.js'
import { samplesOf } from './support/samples.js'
import { randomOf } from './support/trace-fuzz.js'
import { type Actor, type Place, WHY_NO_SHM, useService } from './support/shared.js'

const SCHEMA = {
  counters: {
    requests: { help: 'Requests.', labels: ['route'], series: 3 },
    sent: { name: 'sent_bytes', help: 'What was sent.', unit: 'bytes', type: 'f64' },
    errors: { help: 'Errors.', labels: { kind: ['io', 'user'] }, absentAtZero: true },
  },
  gauges: {
    queued: { help: 'Jobs that wait.', type: 'i64' },
    most: { help: 'The greatest.', aggregator: 'max' },
    each: { help: 'Of each process.', labels: ['l'], aggregator: 'process' },
  },
  histograms: {
    duration: { help: 'Time.', buckets: [0.5, 2] },
    size: { help: 'Bytes.', exponential: { schema: 1, least: 1, most: 1e6 } },
  },
} as const
/** Other metrics in common with SCHEMA, and another `duration`. */
const OLD = {
  counters: { requests: { ...SCHEMA.counters.requests, series: 5 }, gone: { help: 'Gone.' } },
  gauges: { queued: SCHEMA.gauges.queued },
  histograms: { duration: { help: 'Time.', buckets: [0.5, 3] } },
} as const

const ROWS = [
  ['requests', { route: '/' }, 'inc', 2],
  ['sent', null, 'inc', 0.5],
  ['queued', null, 'set', 5],
  ['most', null, 'set', -3],
  ['each', { l: 'x' }, 'set', 4],
  ['duration', null, 'observe', 1],
  ['size', null, 'observe', 100],
]

/** The lines of a text, in their order. */
function linesOf(text: unknown): string[] {
  return String(text)
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

describe.skipIf(WHY_NO_SHM !== '')('metrics of shop.metrics() from outside', () => {
  let place: Place
  let shop: SharedDirectory
  let reader: MetricsReader
  useService((made, opened) => {
    place = made
    shop = opened
    reader = new MetricsReader(findService('shop', place.directory))
  })
  afterEach(() => {
    reader.close()
  })

  async function actorWith(schema: object, name = 'web'): Promise<Actor> {
    const actor = await place.actor()
    await actor.ask('openMetrics', { name, schema })
    return actor
  }

  function textOf({ families }: MetricsLook): string {
    return [...textPieces(families, 'prometheus', 'underscores')].join('')
  }

  test('are what each process exposes: names, help texts, types and values', async () => {
    const actors = [await actorWith(SCHEMA), await actorWith(SCHEMA)]
    for (const actor of actors) await actor.ask('update', { rows: ROWS })
    await actors[1]?.ask('update', { rows: [['errors', { kind: 'io' }, 'inc', 1]] })
    const text = textOf(reader.read())
    expect(samplesOf(text)).toMatchObject({ 'requests{route="/"}': 4, queued: 10, most: -3, sent_bytes: 1 })
    expect(linesOf(text)).toEqual(linesOf(await actors[0]?.ask('exposition')))
    const { stdout } = await rseq(['metrics', 'shop', '--directory', place.directory, '--once'])
    expect(linesOf(stdout)).toEqual(expect.arrayContaining(linesOf(text)))
    expect(stdout).toContain('rseq_service_processes 3\n')
    // A killed process leaves what it had counted, and its gauges go.
    await actors[0]?.kill()
    const left = textOf(reader.read())
    expect(linesOf(left)).toEqual(linesOf(await actors[1]?.ask('exposition')))
    expect(samplesOf(left)).toMatchObject({ 'requests{route="/"}': 4, queued: 5 })
    await actors[1]?.kill()
    const last = samplesOf(textOf(reader.read()))
    expect(last).toMatchObject({ 'requests{route="/"}': 4, duration_count: 2 })
    expect(last).not.toHaveProperty('queued')
    expect(last).not.toHaveProperty('errors{kind="user"}')
  })

  test('add up what generations have in common, as the newest one does', async () => {
    const old = await actorWith(OLD)
    const rows = ['/', '/a', '/b', '/c'].map((route) => ['requests', { route }, 'inc', 1])
    await old.ask('update', { rows: [...rows, ['queued', null, 'set', 1], ['gone', null, 'inc', 1]] })
    const recent = await actorWith(SCHEMA)
    await recent.ask('update', { rows: ROWS })
    const look = reader.read(true)
    const samples = samplesOf(textOf(look))
    expect(samples).toMatchObject({ 'requests{route="/"}': 3, queued: 6, duration_count: 1 })
    expect(samples).not.toHaveProperty('gone')
    const requests = Object.entries(samples).filter(([name]) => name.startsWith('requests'))
    expect(requests.reduce((sum, [, value]) => sum + value, 0)).toBe(6)
    expect(samples['requests{route="__overflow__"}']).toBeGreaterThan(0)
    // The parts of the CPUs make the whole, those of the old generation among them.
    for (const { spec, all } of look.families.filter(({ spec: { kind } }) => kind !== 'gauge'))
      for (const { value, shares } of all)
        expect([spec.name, shares.reduce((a, b) => a + b, 0)]).toEqual([spec.name, value])
    expect([...look.files.values()].map((all) => all.length)).toEqual([look.families.length, 0])
  })

  test('are listed by rseq top and rseq ls', async () => {
    const actor = await actorWith(SCHEMA)
    await actor.ask('update', { rows: ROWS })
    const at = ['shop', '--directory', place.directory]
    const top = await rseq(['top', ...at, '--once', '--sort', 'name'])
    expect(top.stdout).toMatch(/^requests\{route="\/"\} +counter +2 .*Requests\.$/m)
    expect(top.stdout).toMatch(/^each\{l="x",process="\d+"\} +gauge +4 /m)
    expect(top.stdout).toMatch(/^duration +histogram +1 /m)
    for (const { stdout } of [top, await rseq(['ls', ...at])])
      expect(stdout).toMatch(/^web +metrics .* 8 metrics with \d+ series$/m)
  })

  test('of one name are shown once, and the reader says which it leaves out', async () => {
    for (const name of ['web', 'api']) {
      const actor = await actorWith({ counters: { requests: { help: name } } }, name)
      await actor.ask('update', { rows: [['requests', null, 'inc', 1]] })
    }
    const { families, problems } = reader.read()
    expect(families.map(({ spec: { name } }) => name)).toEqual(['requests'])
    expect(problems).toEqual([
      expect.stringMatching(/^(web|api)\.metrics\.\w+ has a metric requests, which is left out: (web|api)\./),
    ])
  })

  test('in a damaged file are a problem of that file, and nothing worse', async () => {
    const [web, api] = [await actorWith(SCHEMA), await actorWith(OLD, 'api')]
    await web.ask('update', { rows: ROWS })
    await api.ask('update', { rows: [['gone', null, 'inc', 7]] })
    const path = shop.objects().find(({ name }) => name === 'web')?.path ?? ''
    const whole = readFileSync(path)
    const damages: [RegExp, (bytes: Buffer) => void][] = [
      [/does not hold metrics/, (bytes) => bytes.fill(0)],
      [/has a schema that was overwritten/, (bytes) => bytes.fill(0x20, 64, 80)],
      [/has a schema that was overwritten/, (bytes) => bytes.fill(0x1b, 64, 80)],
      [/has a schema that was overwritten/, (bytes) => bytes.writeUInt32LE(4000, 28)],
      [/ends after|it was truncated|magic number|does not fit/, (bytes) => bytes.writeUInt32LE(7, 28)],
      [/does not hold metrics/, (bytes) => bytes.writeUInt32LE(2 ** 30, 12)],
      [/truncated|too short/, (bytes) => bytes.writeUInt32LE(2 ** 30, 20)],
    ]
    const problemsNow = (): readonly string[] => {
      const look = new MetricsReader(findService('shop', place.directory))
      const seen = look.read(true)
      look.close()
      // The other file is read in any case.
      expect(samplesOf(textOf(seen))).toMatchObject({ gone: 7 })
      return seen.problems
    }
    for (const [expected, damage] of damages) {
      const bytes = Buffer.from(whole)
      damage(bytes)
      writeFileSync(path, bytes)
      expect(problemsNow().join('; ')).toMatch(expected)
    }
    // Any bytes, of which a generator gives the places and values.
    const next = randomOf(7)
    for (let round = 0; round < 100; round++) {
      const bytes = Buffer.from(whole)
      for (let k = 0; k < 16; k++) bytes.writeUInt32LE(next(2 ** 32), 4 * next(k < 8 ? 64 : bytes.length / 4))
      writeFileSync(path, bytes)
      problemsNow()
    }
    truncateSync(path, 100)
    expect(problemsNow()).toHaveLength(1)
    // The control: the file as it was.
    writeFileSync(path, whole)
    expect(samplesOf(textOf(reader.read()))).toMatchObject({ 'requests{route="/"}': 2, gone: 7 })
  })
})
