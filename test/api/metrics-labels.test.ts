/** The room that each metric has for its label sets, and what overwritten label sets come to. */
import { describe, expect, test } from 'vitest'
import { defineMetrics } from '../../lib/metrics/index.js'
import { keyedHash } from '../../lib/core/keyed-hash.js'

/** Samples of a metric in a text, without its comments. */
function samplesOf(text: string, name: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(`${name}{`))
}

/** `length` bytes that differ for each `k`. */
function valueOf(k: number, length: number): string {
  return String(k).padEnd(length, 'x')
}

describe('each metric', () => {
  test('has room for its own label sets, also if others are full', () => {
    const metrics = defineMetrics({
      counters: { byUrl: { help: '', labels: ['url'] }, byRoute: { help: '', labels: ['method', 'route'] } },
    }).create()
    for (let k = 0; k < 2000; k++) metrics.byUrl.labels({ url: valueOf(k, 300) }).inc()
    for (let k = 0; k < 1000; k++) metrics.byRoute.labels({ method: 'GET', route: valueOf(k, 500) }).inc()
    const text = metrics.text()
    expect(samplesOf(text, 'byUrl')).toHaveLength(1001)
    expect(samplesOf(text, 'byUrl')).toContain('byUrl{url="__overflow__"} 1000')
    expect(samplesOf(text, 'byRoute')).toHaveLength(1000)
    expect(text).not.toContain('byRoute{method="__overflow__"')
  })

  test.each([
    [1, 1],
    [7, 10],
    [100, 512],
    [50, 4096],
  ])('takes %d label sets of %d bytes, and longer ones are its overflow', (series, labelBytes) => {
    const metrics = defineMetrics({
      counters: { a: { help: '', labels: ['x', 'y'], series, labelBytes } },
    }).create()
    const { a } = metrics
    const tooLong = a.labels({ x: 'y'.repeat(labelBytes), y: 'y' })
    tooLong.inc()
    const all = Array.from({ length: series }, (_, k) =>
      a.labels({ x: '', y: valueOf(k, labelBytes).slice(-labelBytes) }),
    )
    for (const one of all) one.inc()
    expect(new Set(all).size).toBe(series)
    expect(all).not.toContain(tooLong)
    expect(a.labels({ x: 'something', y: 'else' })).toBe(tooLong)
    expect(tooLong.value).toBe(1)
    expect(samplesOf(metrics.text(), 'a')).toHaveLength(series + 1)
  })

  test('counts bytes of UTF-8, and known values aside', () => {
    const long = 'known '.repeat(1000)
    const { a } = defineMetrics({
      counters: { a: { help: '', labels: { x: [long, 'b'], y: 'any' }, labelBytes: 8 } },
    }).create()
    const overflow = a.labels({ x: long, y: '123456789' })
    expect(a.labels({ x: long, y: '12345678' })).not.toBe(overflow)
    expect(a.labels({ x: long, y: '😀😀' })).not.toBe(overflow)
    expect(a.labels({ x: long, y: '😀😀!' })).toBe(overflow)
    const known = defineMetrics({ counters: { a: { help: '', labels: { x: [long, 'b'] }, labelBytes: 1 } } })
    expect(samplesOf(known.create().text(), 'a')).toHaveLength(2)
  })
})

describe('overwritten label sets', () => {
  /** Metrics whose slots all name one record, and the contents of this record. */
  function scribbled(length: number, text: (length: number) => string) {
    const metrics = defineMetrics({
      counters: Object.fromEntries(
        Array.from({ length: 8 }, (_, k) => [`c${k}`, { help: '', labels: ['q'] }]),
      ) as unknown as { c0: { help: string; labels: ['q'] } },
    }).create()
    metrics.c0.labels({ q: 'find me' }).inc()
    const bytes = Buffer.from(metrics.buffer)
    const at = bytes.indexOf('["find me"]')
    const words = new Int32Array(metrics.buffer)
    bytes.write(text(length), at)
    words[at / 4 - 1] = length
    // Slots are before the records, the schema's text is before the slots. A record begins with 12 bytes, its hash among them.
    const slots = bytes.lastIndexOf('}', at - 13) + 1
    for (let k = Math.ceil(slots / 4); k < at / 4 - 3; k++) if (words[k] === 0) words[k] = 1
    return metrics
  }

  test('that claim to be longer than a label set may be are none', () => {
    for (const length of [517, 4000, 500_000, 2 ** 31 - 1, -1]) {
      const metrics = scribbled(length, () => `["${'a'.repeat(400_000)}"]`)
      expect(samplesOf(metrics.text(), 'c0')).toEqual([])
    }
  })

  test('take no more memory than a metric that is full', () => {
    const metrics = scribbled(516, (length) => `["${'a'.repeat(length - 4)}"]`)
    const samples = samplesOf(metrics.text(), 'c0')
    expect(samples.length).toBeGreaterThan(1000)
    expect(samples.length).toBeLessThan(1300)
    expect(metrics.text().length).toBeLessThan(metrics.buffer.byteLength / 8)
  })

  test.each(['["\\u0000"]', '["\\ud800"]', '["a","b"]', '[1]', '{}', '"a"', '[[[[[[', ''])(
    'that are no label values, such as %s, are none',
    (text) => {
      const metrics = scribbled(text.length, () => text)
      expect(samplesOf(metrics.text(), 'c0')).toEqual([])
      metrics.c0.labels({ q: 'other' }).inc()
    },
  )
})

describe('the hash of label sets', () => {
  test('is HalfSipHash-1-3', () => {
    const bytes = Uint8Array.from({ length: 8 }, (_, k) => k)
    const hashes = Array.from(bytes, (length) =>
      keyedHash(bytes.subarray(0, length), [0x03020100, 0x07060504]),
    )
    // The authors' key and texts.
    expect(hashes).toEqual([
      0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6,
    ])
  })

  test('puts texts that collide under one key apart under another', () => {
    const mask = 63
    const key = [1, 2] as const
    const texts = Array.from({ length: 20_000 }, (_, k) => new TextEncoder().encode(`/item/${k}`))
    const colliding = texts.filter((text) => (keyedHash(text, key) & mask) === 0)
    expect(colliding.length).toBeGreaterThan(200)
    const slots = new Set(colliding.map((text) => keyedHash(text, [1, 3]) & mask))
    expect(slots.size).toBeGreaterThan(mask / 2)
  })
})
