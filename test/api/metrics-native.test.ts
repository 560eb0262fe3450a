/** Series that another addon updates: the test addon includes `native/addon/series.h`. */
import { expect, test } from 'vitest'
import { info } from '../../lib/index.js'
import { defineMetrics, nativeSeries } from '../../lib/metrics/index.js'
import { supportOr } from '../support/addon.js'

const THREADS = 3
const TIMES = 20_000

const definition = defineMetrics({
  counters: {
    requests: { help: 'x', labels: ['route'] },
    seconds: { help: 'x', type: 'f64' },
  },
  gauges: { level: { help: 'x' } },
  histograms: {
    wait: { help: 'x', buckets: [1, 2] },
    size: { help: 'x', exponential: { schema: 0, least: 1, most: 8 } },
  },
})

const isNative = info().backend === 'native'

test.runIf(isNative)('an addon adds and observes exactly what JavaScript reads', ({ skip }) => {
  const support = supportOr(skip)
  const metrics = definition.create()
  const route = metrics.requests.labels({ route: '/' })
  const requests = nativeSeries(route)
  expect(requests.series).toBe(route)
  expect([1, 2 ** 40, 0].map((delta) => support.seriesAdd(requests, delta))).toEqual([true, true, true])
  expect([-1, 0.5, 2 ** 53, NaN, Infinity].map((delta) => support.seriesAdd(requests, delta))).toEqual(
    Array(5).fill(false),
  )
  route.inc(4)
  expect(route.value).toBe(2 ** 40 + 5)

  const seconds = nativeSeries(metrics.seconds)
  expect([0.25, 3, -1].map((delta) => support.seriesAdd(seconds, delta))).toEqual([true, true, false])
  expect(metrics.seconds.value).toBe(3.25)

  const level = nativeSeries(metrics.level)
  expect([5, -2, -0.5, NaN].map((delta) => support.seriesAdd(level, delta))).toEqual([
    true,
    true,
    true,
    false,
  ])
  expect(metrics.level.value).toBe(2.5)

  for (const value of [-1, 1, 1.5, 2, 7]) {
    metrics.wait.observe(value)
    expect(support.seriesObserve(nativeSeries(metrics.wait), value)).toBe(true)
  }
  expect(metrics.wait.value).toMatchObject({ counts: [4, 4, 2], sum: 21 })
  const size = nativeSeries(metrics.size)
  expect([-1, NaN].map((value) => support.seriesObserve(size, value))).toEqual([false, false])
  for (const value of [0, 1, 1.5, 2, 3, 8, 9]) {
    metrics.size.observe(value)
    expect(support.seriesObserve(size, value)).toBe(true)
  }
  expect(metrics.size.value.counts.every((count) => count % 2 === 0)).toBe(true)
  expect(metrics.size.value.count).toBe(14)
  // Each takes only what it is for.
  expect([support.seriesObserve(requests, 1), support.seriesAdd(size, 1)]).toEqual([false, false])
})

test.runIf(isNative)("an addon's threads and JavaScript update one series at once", ({ skip }) => {
  const support = supportOr(skip)
  const metrics = definition.create()
  const route = metrics.requests.labels({ route: '/' })
  const [counter, histogram] = [nativeSeries(route), nativeSeries(metrics.wait)]
  support.seriesStart(counter, histogram, THREADS, TIMES)
  for (let k = 0; k < TIMES; k++) {
    route.inc()
    metrics.wait.observe(k % 4)
  }
  support.seriesJoin()
  expect(route.value).toBe((THREADS + 1) * TIMES)
  const quarter = ((THREADS + 1) * TIMES) / 4
  expect(metrics.wait.value).toMatchObject({ counts: [2 * quarter, quarter, quarter], sum: 6 * quarter })
  expect([counter.series, histogram.series]).toEqual([route, metrics.wait])
})

test.runIf(isNative)('other objects are no series, and a series knows what it belongs to', ({ skip }) => {
  const support = supportOr(skip)
  const requests = nativeSeries(definition.create().requests.labels({ route: '/' }))
  for (const wrong of [{}, { ...requests }, Object.create(requests) as object, [], () => 0]) {
    expect(() => support.seriesAdd(wrong, 1)).toThrow('expected an object of nativeSeries()')
  }
})

test('wrong arguments, and backends without native code', () => {
  const metrics = definition.create()
  for (const wrong of [undefined, null, 1, {}, metrics.requests, metrics]) {
    expect(() => nativeSeries(wrong as never)).toThrow(
      'series: expected a counter, gauge or histogram, or a series of one with labels',
    )
  }
  if (!isNative) expect(() => nativeSeries(metrics.seconds)).toThrow('the native backend')
})
