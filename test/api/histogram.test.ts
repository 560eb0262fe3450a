/** PerCpuHistogram, held against the hdr-histogram-js package. */
import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js'
import { describe, expect, test } from 'vitest'
import { HistogramSnapshot, PerCpuHistogram } from '../../lib/index.js'
import { Team } from '../support/team.mjs'

const PERCENTILES = [0, 0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100]

const RANGES = [
  { lowest: 1, highest: 3_600_000_000, digits: 2 },
  { lowest: 1, highest: 1000, digits: 1 },
  { lowest: 1, highest: 2 ** 40, digits: 3 },
  { lowest: 1000, highest: 2 ** 45, digits: 3 },
  { lowest: 7, highest: 100_000, digits: 4 },
]

/** Numbers from 0 to 1 that are the same in every run. */
function* randoms(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

/** Values of all magnitudes up to `highest`, and its ends. */
function valuesUpTo(highest: number, count: number): number[] {
  const random = randoms(highest)
  const next = (): number => random.next().value
  const values = Array.from({ length: count }, () => Math.floor(2 ** (next() * Math.log2(highest))))
  return [0, 1, highest, ...values]
}

/** The package's histogram of the same values. */
function reference(range: (typeof RANGES)[number], values: number[]) {
  const { lowest, highest, digits } = range
  const histogram = build({
    lowestDiscernibleValue: lowest,
    highestTrackableValue: highest,
    numberOfSignificantValueDigits: digits as 1,
    bitBucketSize: 64,
  })
  for (const value of values) histogram.recordValue(value)
  return histogram
}

describe.each(RANGES)('a histogram of %o', (range) => {
  const values = valuesUpTo(range.highest, 5000)
  const histogram = new PerCpuHistogram(range)
  for (const value of values) histogram.record(value)
  const snapshot = histogram.snapshot()
  const expected = reference(range, values)

  test('has exact totals', () => {
    expect(snapshot.count).toBe(values.length)
    expect(snapshot.sum).toBe(values.reduce((a, b) => a + b))
    expect([snapshot.min, snapshot.max]).toEqual([0, range.highest])
    expect(snapshot.mean).toBe(snapshot.sum / snapshot.count)
    expect(snapshot.range).toEqual(range)
    expect([...snapshot.buckets()].reduce((all, { count }) => all + count, 0)).toBe(values.length)
  })

  test('has the percentiles and the deviation of hdr-histogram-js', () => {
    for (const p of PERCENTILES.slice(1)) {
      expect(snapshot.percentile(p), String(p)).toBe(
        Math.min(range.highest, expected.getValueAtPercentile(p)),
      )
    }
    expect(snapshot.stddev / expected.stdDeviation).toBeCloseTo(1, range.digits - 1)
    for (const { least, most } of snapshot.buckets()) {
      // Two values apart are told apart if they differ by as much as the digits say.
      expect(most - least).toBeLessThanOrEqual(Math.max(range.lowest, least / 10 ** range.digits))
    }
  })

  test('encodes for hdr-histogram-js, and decodes what that encodes', () => {
    const theirs = decodeFromCompressedBase64(snapshot.encode(), 64)
    expect(theirs.totalCount).toBe(values.length)
    const ours = HistogramSnapshot.decode(encodeByPackage(expected))
    expect(ours.range).toEqual(range)
    expect([...ours.buckets()]).toEqual([...snapshot.buckets()])
    for (const p of PERCENTILES.slice(1)) {
      const value = expected.getValueAtPercentile(p)
      expect(theirs.getValueAtPercentile(p)).toBe(value)
      expect(ours.percentile(p)).toBe(value)
    }
    expect(HistogramSnapshot.decode(snapshot.encode()).encode()).toBe(snapshot.encode())
  })

  test('holds twice as much when it was merged into itself', () => {
    const twice = PerCpuHistogram.from(histogram.buffer)
    const before = [...twice.snapshot().buckets()]
    const copy = new PerCpuHistogram(range)
    copy.merge(snapshot)
    copy.merge(snapshot)
    expect([...copy.snapshot().buckets()]).toEqual(
      before.map((bucket) => ({ ...bucket, count: 2 * bucket.count })),
    )
    expect(copy.snapshot().sum).toBe(2 * snapshot.sum)
    expect([copy.snapshot().min, copy.snapshot().max]).toEqual([snapshot.min, snapshot.max])
  })
})

function encodeByPackage(histogram: ReturnType<typeof build>): string {
  return (histogram as unknown as { encodeIntoCompressedBase64(): string }).encodeIntoCompressedBase64()
}

test('an empty histogram has no values', () => {
  const snapshot = new PerCpuHistogram().snapshot()
  expect([snapshot.count, snapshot.sum, snapshot.min, snapshot.max]).toEqual([0, 0, 0, 0])
  expect(snapshot.mean).toBeNaN()
  expect(snapshot.stddev).toBeNaN()
  expect(snapshot.percentile(50)).toBe(0)
  expect([...snapshot.buckets()]).toEqual([])
  expect(HistogramSnapshot.decode(snapshot.encode()).count).toBe(0)
  expect(decodeFromCompressedBase64(snapshot.encode()).totalCount).toBe(0)
})

test('values beyond the highest are counted together, with their sum and the greatest', () => {
  const histogram = new PerCpuHistogram({ highest: 1000, digits: 1 })
  for (const value of [5, 1000, 1e6, 2 ** 53 - 1, 2e6]) histogram.record(value)
  const snapshot = histogram.snapshot()
  expect(snapshot.count).toBe(5)
  expect(snapshot.max).toBe(2 ** 53 - 1)
  expect([...snapshot.buckets()].at(-1)).toMatchObject({ count: 3 })
  expect(snapshot.percentile(99)).toBe(2 ** 53 - 1)
  expect(decodeFromCompressedBase64(snapshot.encode()).totalCount).toBe(5)
})

test('recordMany is as good as record', () => {
  const [one, many] = [new PerCpuHistogram({ digits: 3 }), new PerCpuHistogram({ digits: 3 })]
  const values = [...valuesUpTo(2 ** 31, 3000), 2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1]
  for (const value of values) one.record(value)
  many.recordMany(Float64Array.from(values))
  many.recordMany(new Float64Array(0))
  many.recordMany(Float64Array.from(values), 0)
  expect([...many.snapshot().buckets()]).toEqual([...one.snapshot().buckets()])
  const [a, b] = [one.snapshot(), many.snapshot()]
  expect([a.sum, a.min, a.max]).toEqual([b.sum, b.min, b.max])
})

test('workers record at once, and every total is exact', async () => {
  const histogram = new PerCpuHistogram({ digits: 3 })
  const [workers, count] = [4, 30_000]
  const team = await Team.lineUp('histogram-recorder', workers, {
    data: (i) => ({ buffer: histogram.buffer, base: 10 + i * count, count }),
  })
  await team.run()
  const snapshot = histogram.snapshot()
  const all = workers * count
  expect(snapshot.count).toBe(all)
  expect([snapshot.min, snapshot.max]).toEqual([10, 9 + all])
  expect(snapshot.sum).toBe(all * 10 + (all * (all - 1)) / 2)
  for (const { least, most, count: held } of snapshot.buckets()) {
    expect(held).toBe(Math.min(most, 9 + all) - Math.max(least, 10) + 1)
  }
})

describe('what is refused', () => {
  test('values', () => {
    const histogram = new PerCpuHistogram()
    for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => {
        histogram.record(value)
      }).toThrow(/^value: expected an integer from 0 to 2\*\*53 - 1, got /)
      expect(() => {
        histogram.recordMany(Float64Array.of(1, value))
      }).toThrow(RangeError)
    }
    expect(() => {
      histogram.record('1' as never)
    }).toThrow(TypeError)
    expect(() => {
      histogram.recordMany([1] as never)
    }).toThrow(TypeError)
    expect(() => histogram.snapshot().percentile(101)).toThrow(RangeError)
    expect(histogram.snapshot().count).toBe(0)
  })

  test.each([
    [{ lowest: 0 }, 'lowest: expected an integer from 1'],
    [{ lowest: 10, highest: 19 }, 'highest: expected an integer from 20'],
    [{ digits: 6 }, 'digits: expected an integer from 1 to 5'],
    ['x', 'options: expected an object'],
  ])('options %o', (options, message) => {
    expect(() => new PerCpuHistogram(options as never)).toThrow(message)
  })

  test('buffers', () => {
    expect(() => PerCpuHistogram.from({} as never)).toThrow(TypeError)
    expect(() => PerCpuHistogram.from(new SharedArrayBuffer(4))).toThrow('is too short')
    expect(() => PerCpuHistogram.from(new SharedArrayBuffer(4096))).toThrow('was not made by')
    const { buffer } = new PerCpuHistogram({ highest: 100, digits: 1 })
    const good = new Uint8Array(buffer).slice()
    for (let at = 0; at < 32; at++) {
      new Uint8Array(buffer).set(good)
      new Uint8Array(buffer)[at] = 0xff
      expect(() => PerCpuHistogram.from(buffer), String(at)).toThrow(RangeError)
    }
  })

  test('texts that are no histogram', () => {
    const text = new PerCpuHistogram().snapshot().encode()
    expect(() => HistogramSnapshot.decode(1 as never)).toThrow(TypeError)
    for (const bad of [
      '',
      'x',
      'HISTFAAA',
      text.slice(0, -8),
      `A${text}`,
      text.replace('HISTFAAA', 'HISTFAAB'),
    ]) {
      expect(() => HistogramSnapshot.decode(bad), bad).toThrow(RangeError)
    }
  })
})
