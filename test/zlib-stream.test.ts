/** The streams of zlib that histograms are encoded in, against Node's own zlib. */
import { constants, deflateSync, inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { inflate, store } from '../lib/histogram/zlib-stream.js'
import { randomOf } from './support/trace-fuzz.js'

const below = randomOf(20261130)

/** Bytes of some kind: noise, few different bytes, long runs, repetitions from far away. */
function someBytes(most: number): Buffer {
  const length = below(most)
  const kinds = [
    () => below(256),
    () => (below(9) === 0 ? below(256) : 7),
    (i: number) => (i >> 9) & 255,
    (i: number) => (i % 31_000) * 7,
  ]
  const kind = kinds[below(kinds.length)] as (i: number) => number
  return Buffer.from(Uint8Array.from({ length }, (_, i) => kind(i)))
}

const { Z_FIXED, Z_RLE, Z_HUFFMAN_ONLY, Z_DEFAULT_STRATEGY } = constants
const STRATEGIES = [Z_FIXED, Z_RLE, Z_HUFFMAN_ONLY, Z_DEFAULT_STRATEGY]

/** What a function returns, or that it throws. */
function outcome(inflateSome: () => Uint8Array): string {
  try {
    return Buffer.from(inflateSome()).toString('hex')
  } catch {
    return 'refused'
  }
}

test('what zlib deflated is inflated, by every strategy and level', () => {
  for (let round = 0; round < 120; round++) {
    const bytes = someBytes(round % 2 === 0 ? 300 : 90_000)
    const strategy = STRATEGIES[round % STRATEGIES.length]
    const stream = deflateSync(bytes, { strategy, level: below(10) })
    expect(Buffer.from(inflate(stream, bytes.length + 1)).equals(bytes)).toBe(true)
    const most = below(bytes.length + 1)
    expect(Buffer.from(inflate(stream, most)).equals(bytes.subarray(0, most))).toBe(true)
  }
})

describe('what is stored', () => {
  test.for([0, 1, 1000, 65_535, 65_536, 200_000])('%i bytes, is inflated by zlib and here', (length) => {
    const bytes = Uint8Array.from({ length }, () => below(256))
    const stream = store(bytes)
    expect(stream.length).toBe(length + 6 + 5 * Math.max(1, Math.ceil(length / 65_535)))
    expect(inflateSync(stream).equals(bytes)).toBe(true)
    expect(Buffer.from(inflate(stream, length)).equals(bytes)).toBe(true)
  })
})

test('a damaged stream is refused where zlib refuses it', () => {
  let refused = 0
  for (let round = 0; round < 3000; round++) {
    const bytes = someBytes(400)
    const stream = deflateSync(bytes, { strategy: STRATEGIES[round % STRATEGIES.length] })
    if (below(4) === 0) {
      const end = below(stream.length)
      expect(() => inflate(stream.subarray(0, end), 1000)).toThrow(RangeError)
      continue
    }
    const at = below(stream.length)
    stream[at] = (stream[at] as number) ^ (1 << below(8))
    const here = outcome(() => inflate(stream, 100_000))
    expect(here).toBe(outcome(() => inflateSync(stream, { maxOutputLength: 99_999 })))
    if (here === 'refused') refused++
  }
  expect(refused).toBeGreaterThan(1000)
})
