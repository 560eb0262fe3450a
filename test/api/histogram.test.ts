/** PerCpuHistogram, held against the hdr-histogram-js package. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { deflateSync } from 'node:zlib'
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

/** Pseudo-random numbers from 0 to 1, equal in every run. */
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

/** The package's histogram of these values. */
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

test.each([2 ** 31, 2 ** 32, 2 ** 40, 2 ** 51])('values below a unit of %d are one bucket', (lowest) => {
  const histogram = new PerCpuHistogram({ lowest, highest: 2 * lowest, digits: 3 })
  // The first two say what the least and the greatest value are; those between take the shortest way.
  for (const value of [0, 2 ** 31 - 1, 1, 1000, 2 ** 20, 2 ** 30]) histogram.record(value)
  expect([...histogram.snapshot().buckets()]).toEqual([{ least: 0, most: lowest - 1, count: 6 }])
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

test('the sum of merged histograms is not cut where it is no safe integer any more', () => {
  const [source, target] = [new PerCpuHistogram({ highest: 60e9 }), new PerCpuHistogram({ highest: 60e9 })]
  for (let k = 0; k < 10; k++) source.recordMany(new Float64Array(100_000).fill(1e10))
  const snapshot = source.snapshot()
  expect([snapshot.count, snapshot.sum, snapshot.mean]).toEqual([1e6, 1e16, 1e10])
  for (let merged = 1; merged <= 3; merged++) {
    target.merge(snapshot)
    const now = target.snapshot()
    expect([now.count, now.sum, now.mean]).toEqual([merged * 1e6, merged * 1e16, 1e10])
  }
})

test('more buckets than one batch holds are merged with their exact sum', () => {
  const [source, target] = [new PerCpuHistogram({ digits: 3 }), new PerCpuHistogram({ digits: 3 })]
  const values = valuesUpTo(3_600_000_000, 5000)
  source.recordMany(Float64Array.from(values))
  target.merge(source.snapshot())
  target.merge(source.snapshot())
  expect([target.snapshot().count, target.snapshot().sum]).toEqual([
    2 * values.length,
    2 * values.reduce((a, b) => a + b),
  ])
})

test('a sum beyond 64 bits is the nearest double to the right one', () => {
  const [most, count] = [2 ** 53 - 1, 5000]
  const histogram = new PerCpuHistogram({ highest: most })
  for (let recorded = 1; recorded <= count; recorded++) {
    histogram.record(most)
    if (recorded % 500 !== 0) continue
    const { sum, mean } = histogram.snapshot()
    expect(Math.abs(sum / (recorded * most) - 1)).toBeLessThan(1e-12)
    expect(Math.abs(mean / most - 1)).toBeLessThan(1e-12)
  }
})

describe('refused arguments', () => {
  test('counts that are out of range, and values that are no numbers', () => {
    const histogram = new PerCpuHistogram()
    const values = Float64Array.of(1, 2, 3)
    for (const count of [-1, 4, NaN, 1.5, Infinity]) {
      expect(() => {
        histogram.recordMany(values, count)
      }).toThrow(/^count: expected an integer from 0 to 3, got /)
    }
    for (const value of [1n, null, Symbol('x'), '1', undefined, {}] as never[]) {
      expect(() => {
        histogram.record(value)
      }).toThrow(/^value: expected an integer from 0 to 2\*\*53 - 1, got /)
      expect(() => {
        histogram.recordMany(value)
      }).toThrow(/^values: expected a Float64Array, got /)
      expect(() => {
        histogram.merge(value)
      }).toThrow(/^snapshot: expected a HistogramSnapshot, got /)
    }
    expect(histogram.snapshot().count).toBe(0)
  })

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

test('what a Worker encodes, without node:zlib, is decoded by hdr-histogram-js and here', async () => {
  const histogram = new PerCpuHistogram({ highest: 1e6 })
  for (let i = 0; i < 5000; i++) histogram.record((i * i) % 1e6)
  const code = `
    import(${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)}).then(({ PerCpuHistogram }) => {
      const { parentPort, workerData } = require('node:worker_threads')
      parentPort.postMessage(PerCpuHistogram.from(workerData).snapshot().encode())
    })`
  const worker = new Worker(code, { eval: true, workerData: histogram.buffer })
  const [text] = (await once(worker, 'message')) as [string]
  await worker.terminate()
  const ours = histogram.snapshot().encode()
  expect(text).not.toBe(ours)
  expect([...HistogramSnapshot.decode(text).buckets()]).toEqual([...HistogramSnapshot.decode(ours).buckets()])
  expect(decodeFromCompressedBase64(text).totalCount).toBe(5000)
})

describe('an encoded text', () => {
  /** Encodes a payload for values from 1 to 1000, to 2 digits. */
  function encodePayload(payload: Uint8Array): string {
    const header = Buffer.alloc(40)
    header.writeInt32BE(0x1c849313, 0)
    header.writeInt32BE(payload.length, 4)
    header.writeInt32BE(2, 12)
    header.writeBigInt64BE(1n, 16)
    header.writeBigInt64BE(1000n, 24)
    header.writeDoubleBE(1, 32)
    const packed = deflateSync(Buffer.concat([header, payload]))
    const front = Buffer.alloc(8)
    front.writeInt32BE(0x1c849314, 0)
    front.writeInt32BE(packed.length, 4)
    return Buffer.concat([front, packed]).toString('base64')
  }

  test('may have as many zeros as some encoders round up to', () => {
    const payload = new Uint8Array(600)
    payload[5] = 6
    expect([...HistogramSnapshot.decode(encodePayload(payload)).buckets()]).toEqual([
      { least: 5, most: 5, count: 3 },
    ])
  })

  test.each([
    ['zeros, each in a byte', new Uint8Array(2000), 'has more counts than buckets'],
    ['zeros that decompress to megabytes', new Uint8Array(1 << 22), 'cannot be decompressed'],
    // A run of 2**40 zeros, as a zigzag-coded number, again and again.
    ['runs of zeros', Uint8Array.of(255, 255, 255, 255, 255, 63), 'has more counts than buckets'],
  ])('is refused before %s are counted', (_, payload, problem) => {
    expect(() => HistogramSnapshot.decode(encodePayload(payload))).toThrow(problem)
  })
})
