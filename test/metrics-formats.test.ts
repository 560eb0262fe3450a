/** Formats, names of UTF-8, and what is answered to which headers, held against strict parsers and the standards. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type MetricsCore, type NameEscaping, defineMetrics } from '../lib/metrics/index.js'
import { Prometheus } from './support/prometheus.js'
import { isInstalled } from './support/toolchains.js'
import { type Family, parseUtf8Text } from './support/utf8-text.js'

const ESCAPINGS = ['underscores', 'dots', 'values', 'allow-utf-8'] as const
const OLD = ['underscores', 'dots', 'values'] as const

const strictParser = join(import.meta.dirname, 'support', 'strict-parser.py')
/** Debian's package belongs to Debian's Python, which need not be the first one. */
const python = ['/usr/bin/python3', 'python3'].find(
  (command) => spawnSync(command, ['-c', 'import prometheus_client']).status === 0,
)

/** What Python's prometheus_client reads; its error, if the text is not right. */
function strictly(text: string, format: 'prometheus' | 'openmetrics'): Family[] | string {
  const { status, stdout, stderr } = spawnSync(python ?? 'python3', [strictParser, format], {
    input: text,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  return status === 0 ? (JSON.parse(stdout) as Family[]) : stderr.trimEnd()
}

/** The samples of all families, in one order. */
function samplesOf(families: readonly Family[]): string[] {
  return families
    .flatMap(({ type, samples }) =>
      samples.map(([name, labels, value]) => {
        // Python's parser gives every counter of the old format its ending.
        const shown = type === 'counter' ? name.replace(/_total$/, '') : name
        return JSON.stringify([shown, Object.entries(labels).sort(), Number(value)])
      }),
    )
    .sort()
}

describe('names', () => {
  const named = (name: string) => defineMetrics({ gauges: { g: { name, help: '' } } }).create()
  const shownAs = (name: string, escaping: NameEscaping) =>
    named(name).text('prometheus', escaping).trimEnd().split('\n').at(-1)

  // The examples of https://prometheus.io/docs/instrumenting/escaping_schemes/, and some more.
  test.each([
    ['http.status.sum', 'http_status_sum 0', 'http_dot_status_dot_sum 0', 'U__http_2e_status_2e_sum 0'],
    ['plain_name', 'plain_name 0', 'plain__name 0', 'plain_name 0'],
    ['label with 😱', 'label_with__ 0', 'label__with____ 0', 'U__label_20_with_20__1f631_ 0'],
    ['1st', '_st 0', '__st 0', 'U___31_st 0'],
    ['a:b', 'a:b 0', 'a:b 0', 'a:b 0'],
    ['with_and.', 'with_and_ 0', 'with__and_dot_ 0', 'U__with__and_2e_ 0'],
  ])('%s', (name, underscores, dots, values) => {
    expect(OLD.map((escaping) => shownAs(name, escaping))).toEqual([underscores, dots, values])
  })

  test('of UTF-8 stand in quotation marks within the braces', () => {
    const metrics = defineMetrics({
      gauges: { g: { name: 'a "b"\n', help: 'H.', labels: { 'x.y': ['1'], z: ['2'] } } },
    }).create()
    expect(metrics.text('prometheus', 'allow-utf-8')).toBe(
      '# HELP "a \\"b\\"\\n" H.\n# TYPE "a \\"b\\"\\n" gauge\n{"a \\"b\\"\\n","x.y"="1",z="2"} 0\n',
    )
    expect(shownAs('plain', 'allow-utf-8')).toBe('plain 0')
  })

  const counter = (name: string) => ({ [name]: { name, help: '' } })
  test.each([
    [{ gauges: { ...counter('a.b'), ...counter('a_b') } }, 'a.b and a_b both appear as a_b'],
    [{ counters: { ...counter('a'), ...counter('a_total') } }, 'a and a_total both appear as a'],
    [{ counters: counter('a_total'), gauges: counter('a') }, 'a_total and a both appear as a'],
    [{ histograms: counter('a'), gauges: counter('a_sum') }, 'a_sum and a both appear as a_sum'],
    [{ counters: counter('a'), gauges: counter('a_created') }, 'a and a_created both appear as a_created'],
    [{ gauges: { ...counter('a.b'), ...counter('U__a_2e_b') } }, 'both appear as'],
    [
      { gauges: { g: { help: '', labels: ['x.y', 'x_y'] } } },
      'g.labels: expected names that differ in all formats; x.y and x_y both appear as x_y',
    ],
  ])('%j are refused, as some reader would not tell one from the other', (schema, message) => {
    expect(() => defineMetrics(schema as never)).toThrow(message)
  })

  test.each([
    [{ gauges: { g: { name: '', help: '' } } }, 'g.name: expected a name such as'],
    [{ counters: { c: { name: '.total', help: '' } } }, 'c.name: expected more than _total'],
    [{ gauges: { g: { name: '\ud800', help: '' } } }, 'g.name: expected a name such as'],
    [{ gauges: { g: { name: 'x'.repeat(257), help: '' } } }, 'g.name: expected a name such as'],
    [{ gauges: { g: { help: '', labels: ['..x'] } } }, 'g.labels: expected a label name'],
    [{ histograms: { h: { help: '', labels: ['le'] } } }, 'h.labels: expected a label name'],
    [{ gauges: { g: { help: '', unit: 'a b' } } }, 'g.unit: expected a unit'],
    [{ gauges: { g: { help: '', unit: 5 } } }, 'g.unit: expected a unit'],
  ])('%j are refused, as no format can show them', (schema, message) => {
    expect(() => defineMetrics(schema as never)).toThrow(message)
  })
})

/** Random numbers that are the same in each run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const PIECES = [
  'a',
  'b_',
  '_total',
  '_sum',
  '.',
  '-',
  ' ',
  '"',
  '\\',
  '\n',
  '\r',
  'é',
  '😀',
  '{',
  '}',
  ',',
  '=',
  '#',
  '1',
]

/** A random schema that is not refused, with something in each metric. */
function randomMetrics(random: () => number): MetricsCore {
  const pick = <Value>(values: readonly Value[]): Value =>
    values[Math.floor(random() * values.length)] as Value
  const text = (most: number) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(PIECES)).join('')
  for (;;) {
    const metric = (kind: string, k: number) => {
      const labels = Array.from({ length: Math.floor(random() * 3) }, () => text(3))
      const buckets = kind === 'histograms' ? { buckets: [0.5, 1, 2.5] } : {}
      const unit = pick(['', 'seconds', 'By'])
      const name = text(5) + (unit === 'seconds' ? '_seconds' : '')
      return [
        `${kind}${k}`,
        { name, help: text(6), unit, ...(labels.length > 0 ? { labels } : {}), ...buckets },
      ]
    }
    const groups = ['counters', 'gauges', 'histograms'].map((kind) => [
      kind,
      Object.fromEntries(
        Array.from({ length: Math.floor(random() * 3) }, (_, k) => metric(kind, k)) as [string, object][],
      ),
    ])
    try {
      const metrics = defineMetrics(Object.fromEntries(groups) as never).create()
      for (const [key, value] of Object.entries(metrics as unknown as Record<string, never>)) {
        if (key === 'buffer') continue
        const { labels } =
          (groups as [string, Record<string, { labels?: string[] }>][])
            .map(([, all]) => all[key])
            .find((one) => one !== undefined) ?? {}
        const series = (
          labels === undefined
            ? value
            : (value as { labels: (of: object) => never }).labels(
                Object.fromEntries(labels.map((label) => [label, text(5)])),
              )
        ) as Record<string, (n: number) => void>
        series[key.startsWith('histograms') ? 'observe' : 'inc']?.(1 + Math.floor(random() * 5))
      }
      return metrics
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
}

describe.skipIf(python === undefined && process.env['CI'] !== 'true')('strict parsers', () => {
  test('read every random schema in every format and escaping, with equal samples', () => {
    const random = seeded(15)
    for (let round = 0; round < 12; round++) {
      // A parser starts for each text: several schemas would clash, so each is one text.
      const metrics = randomMetrics(random)
      const plain = parseUtf8Text(metrics.text('prometheus', 'allow-utf-8'))
      const open = parseUtf8Text(metrics.text('openmetrics', 'allow-utf-8'))
      expect(samplesOf(open).length).toBe(samplesOf(plain).length)
      for (const escaping of OLD) {
        for (const format of ['prometheus', 'openmetrics'] as const) {
          const written = metrics.text(format, escaping)
          const read = strictly(written, format)
          if (typeof read === 'string') throw new Error(`${format}, ${escaping}: ${read}\n${written}`)
          expect(samplesOf(read)).toEqual(samplesOf(parseUtf8Text(written)))
          expect(samplesOf(read)).toHaveLength(samplesOf(plain).length)
        }
      }
    }
  })

  test('would say so', () => {
    const metrics = defineMetrics({ counters: { a: { help: '' } } }).create()
    const text = metrics.text('openmetrics')
    expect(strictly(text, 'openmetrics')).toHaveLength(1)
    expect(strictly(text.replace('# EOF\n', ''), 'openmetrics')).toContain('Error')
    expect(strictly(metrics.text('prometheus').replace(' 0', ' x'), 'prometheus')).toContain('Error')
    expect(() => parseUtf8Text('a b 0\n')).toThrow()
    expect(() => parseUtf8Text('{"a" x="1"} 0\n')).toThrow()
    expect(() => parseUtf8Text('{"a"} 0\n{"a"} 1\n')).toThrow()
  })
})

describe('negotiation', () => {
  const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
  const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
  const PROTOBUF =
    'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'

  test.each([
    [undefined, TEXT],
    ['', TEXT],
    ['*/*', TEXT],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', TEXT],
    ['application/json', TEXT],
    ['text/*', TEXT],
    ['application/*', TEXT],
    ['application/openmetrics-text', OPEN],
    ['APPLICATION/OpenMetrics-Text;VERSION="1.0.0"', OPEN],
    ['application/openmetrics-text;version=1.0.0,text/plain;q=0.5', OPEN],
    ['application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.5', TEXT],
    ['application/openmetrics-text;q=0,*/*', TEXT],
    ['application/openmetrics-text;version=2.0.0', TEXT],
    [
      'application/openmetrics-text; version=0.0.1',
      'application/openmetrics-text; version=0.0.1; charset=utf-8',
    ],
    ['text/plain;version=1.0.0', 'text/plain; version=1.0.0; charset=utf-8'],
    ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited', PROTOBUF],
    // Another encoding of it is none that is written here.
    ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', TEXT],
    // What Prometheus 2.42 and 3 ask for.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OPEN,
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      `${OPEN}; escaping=allow-utf-8`,
    ],
    ['text/plain;version=0.0.4;escaping=dots', `${TEXT}; escaping=dots`],
    ['text/plain;escaping=none', TEXT],
    // Weights that are none, and lists without sense.
    ['application/openmetrics-text;q=2,text/plain;q=0.1', TEXT],
    [';;,,"', TEXT],
    ['application/openmetrics-text;x="a,b;q=0\\"";q=1', OPEN],
  ])('%s', async (accept, type) => {
    const answer = await ask(accept === undefined ? {} : { accept })
    expect(answer.headers['content-type']).toBe(type)
  })

  test('a list that is too long is not read to its end', async () => {
    const accept = `${'a/b,'.repeat(3000)}application/openmetrics-text`
    expect((await ask({ accept })).headers['content-type']).toBe(TEXT)
  })

  test('names are shown as the client asks', async () => {
    const accept = (escaping: string) => `text/plain;version=1.0.0;escaping=${escaping}`
    const shown = await Promise.all(
      ESCAPINGS.map(async (escaping) =>
        (await ask({ accept: accept(escaping) })).body.toString().trimEnd().split('\n').at(-1),
      ),
    )
    expect(shown).toEqual([
      'jobs_waiting 5',
      'jobs_dot_waiting 5',
      'U__jobs_2e_waiting 5',
      '{"jobs.waiting"} 5',
    ])
  })

  test.each([
    [undefined, undefined],
    ['gzip', 'gzip'],
    ['deflate, gzip;q=0.5', 'gzip'],
    ['*', 'gzip'],
    ['gzip;q=0', undefined],
    ['br', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['identity;q=0, *;q=0.1', 'gzip'],
  ])('compression by %s', async (encoding, expected) => {
    const { headers, body } = await ask(encoding === undefined ? {} : { 'accept-encoding': encoding })
    expect(headers['content-encoding']).toBe(expected)
    expect(headers.vary).toBe('Accept, Accept-Encoding')
    expect((expected === undefined ? body : gunzipSync(body)).toString()).toContain('\njobs_waiting 5\n')
  })

  async function ask(headers: Record<string, string>) {
    const metrics = defineMetrics({ gauges: { g: { name: 'jobs.waiting', help: 'Jobs.' } } }).create()
    metrics.g.set(5)
    const handle = metrics.handler()
    const server = createServer({ maxHeaderSize: 1 << 16 }, (asked, response) => void handle(asked, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sent = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', headers }).end()
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    server.close()
    return { headers: response.headers, body: Buffer.concat(chunks) }
  }
})

describe('a unit', () => {
  test('is shown by OpenMetrics where the name ends with it', () => {
    const text = defineMetrics({
      counters: { a: { name: 'work_seconds_total', help: 'W.', unit: 'seconds' } },
      gauges: { b: { name: 'warmth', help: 'C.', unit: 'celsius' } },
    })
      .create()
      .text('openmetrics')
    expect(text).toContain('# TYPE work_seconds counter\n# UNIT work_seconds seconds\n')
    expect(text.match(/# UNIT/g)).toHaveLength(1)
  })
})

describe.skipIf(!isInstalled('prometheus'))('a Prometheus server', () => {
  test('that knows no names of UTF-8 gets names with underscores', async () => {
    const metrics = defineMetrics({
      counters: { c: { name: 'http.requests', help: 'Requests.', labels: { 'http.route': ['/'] } } },
      histograms: {
        h: { name: 'http.size', help: 'Size.', exponential: { schema: 1, least: 1, most: 1024 } },
      },
    }).create()
    metrics.c.labels({ 'http.route': '/' }).inc(7)
    metrics.h.observe(3)
    const handle = metrics.handler()
    const server = createServer((asked, response) => void handle(asked, response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const prometheus = await Prometheus.start((server.address() as AddressInfo).port)
    try {
      const [requests] = await prometheus.until('http_requests', (samples) => samples.length > 0)
      expect(requests?.value).toBe(7)
      expect(requests?.labels['http_route']).toBe('/')
      const [sum] = await prometheus.query('histogram_sum(http_size)')
      expect(sum?.value).toBe(3)
    } finally {
      await prometheus.stop()
      server.close()
    }
  })
})

test('free series do not make a piece long', async () => {
  const metrics = defineMetrics({
    counters: { many: { help: '', labels: ['x'], series: 100_000 } },
  }).create()
  metrics.many.labels({ x: 1 }).inc()
  for (const format of ['prometheus', 'protobuf'] as const) {
    let pieces = 0
    for await (const piece of metrics.expose(format)) pieces += piece.length >= 0 ? 1 : 0
    // A piece ends after 4,096 series, used or not.
    expect(pieces).toBeGreaterThan(100_000 / 4096)
  }
})
