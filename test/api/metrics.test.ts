/** `rseq/metrics`: what one thread sees, and what several share. */
import { describe, expect, test } from 'vitest'
import { defineMetrics } from '../../lib/metrics/index.js'
import { service } from '../support/metrics-schema.mjs'
import { Team } from '../support/team.mjs'

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)

describe('in one thread', () => {
  test('counters grow, and only grow', () => {
    const { bytes, seconds } = service.create()
    bytes.inc()
    bytes.inc(41)
    bytes.inc(2 ** 40)
    expect(bytes.value).toBe(42 + 2 ** 40)
    seconds.inc(0.5)
    seconds.inc(2)
    expect(seconds.value).toBe(2.5)
    expect(() => {
      bytes.inc(-1)
    }).toThrow(/^delta: expected a number of 0 or more: a counter only grows, got -1$/)
    expect(() => {
      bytes.inc(0.5)
    }).toThrow(RangeError)
    expect(() => {
      seconds.inc('1' as never)
    }).toThrow(TypeError)
    expect(bytes.value).toBe(42 + 2 ** 40)
  })

  test('gauges are set and added to, and set again', () => {
    const { inFlight, temperature } = service.create()
    inFlight.inc(5)
    inFlight.dec()
    expect(inFlight.value).toBe(4)
    inFlight.set(-7)
    inFlight.inc(2)
    expect(inFlight.value).toBe(-5)
    const attic = temperature.labels({ room: 'attic' })
    attic.set(31.4)
    expect(attic.value).toBe(31.4)
    attic.set(-0.1)
    expect(attic.value).toBe(-0.1)
    attic.inc(0.5)
    expect(attic.value).toBe(0.4)
    expect(() => {
      attic.set(NaN)
    }).toThrow(RangeError)
  })

  test('classic histograms count up to and with each bound', () => {
    const route = service.create().duration.labels({ route: '/' })
    for (const value of [-1, 0.01, 0.011, 0.1, 1, 1.5, 1e9]) route.observe(value)
    const { count, counts, bounds } = route.value
    expect(bounds).toEqual([0.01, 0.1, 1])
    expect(counts).toEqual([2, 2, 1, 2])
    expect(count).toBe(7)
    expect(route.value.sum).toBeCloseTo(1e9 + 1.621)
    expect(() => {
      route.observe(Infinity)
    }).toThrow(RangeError)
    expect(route.startTimer()()).toBeGreaterThanOrEqual(0)
    expect(route.value.count).toBe(8)
  })

  test('exponential histograms have the bounds of their schema, each hit from below', () => {
    const { size } = service.create()
    const { bounds } = size.value
    expect(bounds).toHaveLength(21)
    for (const [k, bound] of bounds.entries()) expect(bound).toBeCloseTo(2 ** (k / 2), 9)
    for (const bound of bounds) size.observe(bound)
    expect(size.value.counts).toEqual([...new Array<number>(21).fill(1), 0])
    for (const bound of bounds) size.observe(bound * (1 + Number.EPSILON))
    expect(size.value.counts).toEqual([1, ...new Array<number>(20).fill(2), 1])
    size.observe(0)
    size.observe(-0)
    expect(size.value.counts[0]).toBe(3)
  })

  test('exponential histograms refuse numbers below 0, also in a batch', () => {
    const metrics = service.create()
    const { size, bytes } = metrics
    const batch = metrics.batch(bytes, size)
    for (const value of [-5, -Number.MIN_VALUE, -1e300]) {
      for (const observe of [size.observe.bind(size, value), batch.commit.bind(batch, 1, value)]) {
        expect(observe).toThrow(
          new RangeError(`value: expected a number of 0 or more for exponential buckets, got ${value}`),
        )
      }
    }
    expect([size.value.count, size.value.sum, bytes.value]).toEqual([0, 0, 0])
  })

  test('a label set is one series, however its values are written', () => {
    const metrics = service.create()
    const { requests } = metrics
    const series = requests.labels({ method: 'GET', route: 200 })
    expect(requests.labels({ route: '200', method: 'GET' })).toBe(series)
    expect(requests.labels({ method: 'POST', route: 200 })).not.toBe(series)
    series.inc(3)
    expect(service.open(metrics.buffer).requests.labels({ method: 'GET', route: '200' }).value).toBe(3)
    // Text that could be taken for something else: all are series of their own.
    const hostile = ['', '"', '\\', '\n', '","', '["', '\u0001', 'é', '😀', '__proto__']
    for (const [k, route] of hostile.entries()) requests.labels({ method: 'GET', route }).inc(k + 1)
    for (const [k, route] of hostile.entries()) {
      expect(service.open(metrics.buffer).requests.labels({ method: 'GET', route }).value).toBe(k + 1)
    }
  })

  test('label values that no format can say are said differently', () => {
    const { temperature } = service.create()
    for (const room of ['a\u0000', 'a\ud800', 'a\udc00', 'a\ufffd']) temperature.labels({ room }).inc()
    expect(temperature.labels({ room: 'a\ufffd' }).value).toBe(4)
    expect(temperature.labels({ room: 'a' }).value).toBe(0)
  })

  test('labels that the schema does not have are refused by name', () => {
    const { requests } = service.create()
    const labels = (values: unknown) => () => requests.labels(values as { method: 'GET'; route: string })
    expect(labels({ method: 'PUT', route: '/' })).toThrow("labels.method: expected GET or POST, got 'PUT'")
    expect(labels({ method: 'GET' })).toThrow('labels.route: expected a string, number or boolean')
    expect(labels({ method: 'GET', route: '/', host: 'a' })).toThrow(
      "labels: expected method, route, got 'host' as well",
    )
    expect(labels(null)).toThrow(TypeError)
    expect(labels({ method: 'GET', route: {} })).toThrow(TypeError)
  })

  test('label sets beyond the room there is share the overflow series', () => {
    const metrics = service.create()
    const other = service.open(metrics.buffer)
    const all = new Set<unknown>()
    for (let k = 0; k < 500; k++) {
      const labels = { method: 'GET', route: `/${k}` } as const
      metrics.requests.labels(labels).inc()
      other.requests.labels(labels).inc()
      all.add(metrics.requests.labels(labels))
    }
    const overflow = metrics.requests.labels({ method: 'GET', route: '/499' })
    expect(all.size).toBe(41)
    expect(overflow.value).toBe(2 * 460)
    expect(metrics.requests.labels({ method: 'GET', route: '/39' }).value).toBe(2)
    // Longer than a series takes.
    expect(metrics.temperature.labels({ room: 'x'.repeat(5000) })).not.toBe(
      metrics.temperature.labels({ room: 'x' }),
    )
  })

  test('series of known values are there from the start', () => {
    const known = defineMetrics({ counters: { a: { help: '', labels: { x: [1, 2, 3], y: [true, false] } } } })
    const { a } = known.create()
    const series = [1, 2, 3].flatMap((x) => [true, false].map((y) => a.labels({ x: x as 1, y })))
    expect(new Set(series).size).toBe(6)
  })
})

describe('a batch', () => {
  test('updates every instrument', () => {
    const metrics = service.create()
    const { bytes, seconds, inFlight, size } = metrics
    const route = metrics.duration.labels({ route: '/' })
    const batch = metrics.batch(bytes, seconds, inFlight, size, route)
    batch.commit(100, 0.5, -2, 3, 0.05)
    batch.commit(2 ** 40, 1, 2 ** 33, 3, 0.05)
    expect(bytes.value).toBe(100 + 2 ** 40)
    expect(seconds.value).toBe(1.5)
    expect(inFlight.value).toBe(2 ** 33 - 2)
    expect([size.value.count, size.value.sum]).toEqual([2, 6])
    expect(route.value.counts).toEqual([0, 2, 0, 0])
  })

  test('of plain counters takes wide deltas and small ones in turn', () => {
    const metrics = service.create()
    const [get, post] = (['GET', 'POST'] as const).map((method) =>
      metrics.requests.labels({ method, route: '/' }),
    )
    const batch = metrics.batch(metrics.bytes, get as never, post as never)
    for (const delta of [1, 2 ** 31 - 1, 2 ** 31, 1, 2 ** 40, 0, 7]) batch.commit(delta, 1, delta)
    expect(metrics.bytes.value).toBe(2 ** 32 + 2 ** 40 + 8)
    expect(get?.value).toBe(7)
    expect(post?.value).toBe(2 ** 32 + 2 ** 40 + 8)
  })

  test('refuses what any of its instruments refuses, and then updates none', () => {
    const metrics = service.create()
    const { bytes, seconds, size } = metrics
    const batch = metrics.batch(bytes, seconds, size)
    expect(() => {
      batch.commit(1, 1)
    }).toThrow('values: expected 3, one for each instrument, got 2')
    expect(() => {
      batch.commit(1, 1, NaN)
    }).toThrow(RangeError)
    expect(() => {
      batch.commit(1, -1, 1)
    }).toThrow('a counter only grows')
    expect(() => {
      batch.commit(1, 1, 'x' as never)
    }).toThrow(TypeError)
    expect(() => {
      batch.commit(2 ** 40, 1, NaN)
    }).toThrow(RangeError)
    expect([bytes.value, seconds.value, size.value.count]).toEqual([0, 0, 0])
    batch.commit(1, 2, 3)
    expect([bytes.value, seconds.value, size.value.count]).toEqual([1, 2, 1])
    expect(() => metrics.batch()).toThrow('instruments.length: expected an integer from 1 to 8')
    expect(() => metrics.batch(metrics.requests as never)).toThrow('instruments[0]: expected a counter')
    expect(() => metrics.batch(service.create().bytes)).toThrow('expected those of these metrics')
  })
})

describe('several threads', () => {
  test('agree on every series, and their totals are exact', async () => {
    const metrics = service.create()
    const [workers, rounds, routes] = [4, 20_000, 15]
    const team = await Team.lineUp('metrics-worker', workers, {
      data: () => ({ buffer: metrics.buffer, rounds, routes }),
    })
    await team.run()
    const all = workers * rounds
    const methods = ['GET', 'POST'] as const
    const names = Array.from({ length: routes }, (_, k) => `/route/${k}`)
    const requests = names.flatMap((route) =>
      methods.map((method) => metrics.requests.labels({ method, route }).value),
    )
    expect(sum(requests)).toBe(all)
    expect(Math.min(...requests)).toBeGreaterThan(0)
    expect(metrics.bytes.value).toBe(10 * all)
    expect(metrics.seconds.value).toBe(all / 4)
    expect(metrics.inFlight.value).toBe(0)
    expect(metrics.size.value).toMatchObject({ count: all, sum: 2 * all })
    const durations = names.map((route) => metrics.duration.labels({ route }).value)
    expect(sum(durations.map(({ count }) => count))).toBe(all)
    expect(sum(durations.map((value) => value.sum))).toBe((all / 4) * 0.5 + ((3 * all) / 4) * 0.0625)
  })
})

describe('the buffer', () => {
  test('is refused with the name of what differs, if it was made with another schema', () => {
    const { buffer } = defineMetrics({
      counters: { a: { help: 'As.' }, b: { help: 'Bs.', labels: ['x'] } },
    }).create()
    const other = defineMetrics({ counters: { a: { help: 'As.' }, b: { help: 'Bs.', labels: ['y'] } } })
    expect(() => other.open(buffer)).toThrow(
      /the schemas differ: this thread declares .*"b".*"y".* made with .*"x"/,
    )
    // The description of a metric may differ.
    defineMetrics({ counters: { a: { help: 'A.' }, b: { help: '', labels: ['x'] } } }).open(buffer)
    expect(() => other.open(new SharedArrayBuffer(4096))).toThrow('was not made by rseq/metrics')
    expect(() => other.open(new SharedArrayBuffer(8))).toThrow('8 bytes')
    expect(() => other.open({} as never)).toThrow(TypeError)
  })

  test('may be overwritten anywhere: then it is refused, or counts wrong', () => {
    const define = () =>
      defineMetrics({ counters: { a: { help: '', labels: ['x'], series: 4, labelBytes: 8 } } })
    // Up to the first region: what counters do with overwritten bytes is another test's.
    const end = Buffer.from(define().create().buffer).indexOf('RSEQ')
    let refused = 0
    for (let at = 0; at < end; at++) {
      const { buffer } = define().create()
      const bytes = new Uint8Array(buffer)
      const metrics = define().open(buffer)
      metrics.a.labels({ x: '1' }).inc()
      bytes[at] = (bytes[at] as number) ^ (at % 3 === 0 ? 0xff : 0x81)
      for (const x of ['1', '2', '3', '4', '5', '6']) metrics.a.labels({ x }).inc()
      try {
        for (const x of ['1', '6', '7']) define().open(buffer).a.labels({ x }).inc()
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(RangeError)
      }
    }
    expect(refused).toBeGreaterThan(64)
    expect(refused).toBeLessThan(end / 2)
  })
})

test.each([
  [{ counters: { a: {} } }, 'a.help: expected a sentence, got undefined'],
  [{ counters: { '\0': { help: '' } } }, '.name: expected a name such as'],
  [{ counters: { a: { help: '', labels: [''] } } }, 'a.labels: expected a name'],
  [{ counters: { a: { help: '', labels: ['x', 'x'] } } }, 'a.labels: expected each name once'],
  [{ counters: { a: { help: '', labels: { x: [] } } } }, "a.labels.x: expected 'any' or an array"],
  [{ counters: { a: { help: '' } }, gauges: { a: { help: '', name: 'b' } } }, 'each key and each name once'],
  [{ counters: { batch: { help: '' } } }, 'expected another key'],
  [{ histograms: { a: { help: '', buckets: [1, 1] } } }, 'a.buckets: expected finite bounds that ascend'],
  [{ histograms: { a: { help: '', labels: ['le'] } } }, 'a.labels: expected a label name'],
  [
    { histograms: { a: { help: '', exponential: { schema: 9, least: 1, most: 2 } } } },
    'schema: expected an integer',
  ],
  [{ meters: {} }, "schema: expected an object with any of counters, gauges, histograms, got 'meters'"],
  [{ countres: {} }, "got 'countres'; did you mean 'counters'?"],
  [{ counters: { a: { help: '', labelNames: ['x'] } } }, "got 'labelNames'; did you mean 'labels'?"],
  [
    { gauges: { a: { help: '', bucket: [1] } } },
    'a: expected an object with any of name, help, unit, labels, series,',
  ],
  [{ histograms: { a: { help: '', type: 'f64' } } }, "got 'type'"],
  [{ histograms: { a: { help: '', bukets: [1] } } }, "got 'bukets'; did you mean 'buckets'?"],
  [
    { histograms: { a: { help: '', exponential: { schema: 1, least: 1, max: 2 } } } },
    "a.exponential: expected an object with any of schema, least, most, got 'max'",
  ],
  [
    { histograms: { a: { help: '', buckets: [1], exponential: { schema: 1, least: 1, most: 2 } } } },
    'a: expected either buckets or exponential, got both',
  ],
  [null, 'schema: expected an object'],
])('the schema %j is refused', (schema, message) => {
  expect(() => defineMetrics(schema as never)).toThrow(message)
})
