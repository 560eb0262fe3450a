/** PerCpuRing in one thread: what goes in comes out, what finds no room is counted, and wrong arguments. */
import { expect, test } from 'vitest'
import { PerCpuCounter, PerCpuRing, type RingRecord, info, now } from '../../lib/index.js'
import { pinned } from '../support/pinned.js'
import { timeBytesHere } from '../support/record-time.js'

const text = (record: RingRecord): string => Buffer.from(record.bytes).toString()

function drained(ring: PerCpuRing, most?: number): RingRecord[] {
  const records: RingRecord[] = []
  const count = ring.drain((record) => records.push(record), most)
  expect(count).toBe(records.length)
  return records
}

test('records come back in order, whole, and say where and when they were written', ({ skip }) => {
  pinned(skip, (cpu) => {
    for (const index of ['cpu', 'concurrency'] as const) {
      const ring = new PerCpuRing(4096, { index })
      const lengths = [0, 1, 7, 8, 9, 64, 65, ring.longest]
      const begin = now()
      for (const length of lengths) {
        expect(ring.write(Uint8Array.from({ length }, (_, i) => length + i))).toBe(true)
      }
      const end = now()
      const records = drained(ring)
      expect(records.map(({ bytes }) => bytes.length)).toEqual(lengths)
      const threads = new Set(records.map(({ thread }) => thread))
      expect(threads.size).toBe(1)
      expect(threads.has(0)).toBe(false)
      let last = begin - 1_000_000n
      for (const { bytes, time, overflow, ...record } of records) {
        expect(bytes).toEqual(Uint8Array.from(bytes, (_, i) => bytes.length + i))
        if (info().backend === 'native') expect(record.cpu).toBe(cpu)
        expect(overflow).toBe(false)
        expect(time >= last).toBe(true)
        last = time
      }
      expect(last <= end + 1_000_000n).toBe(true)
      expect(drained(ring)).toEqual([])
    }
  })
})

test('any view of bytes is written as it is', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024)
    const shared = new Uint8Array(new SharedArrayBuffer(16)).fill(7)
    ring.write(Buffer.from('buffer'))
    ring.write(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))
    ring.write(shared)
    ring.write(new Uint8Array())
    expect(drained(ring).map(({ bytes }) => [...bytes])).toEqual([
      [...Buffer.from('buffer')],
      [2, 3],
      [...shared],
      [],
    ])
  })
})

test('a record that was read does not change when the ring is written', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(256)
    const kept: RingRecord[] = []
    for (let i = 0; i < 100; i++) {
      ring.write(Buffer.from(`record ${i}`))
      kept.push(...drained(ring))
    }
    expect(kept.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `record ${i}`))
  })
})

test('a record without room is refused and counted, and there is room again when some are read', ({
  skip,
}) => {
  pinned(skip, (cpu) => {
    const ring = new PerCpuRing(256)
    // Four records of this length fill the ring, however its times are kept.
    const bytes = new Uint8Array(ring.longest - timeBytesHere())
    for (let round = 1; round <= 3; round++) {
      expect([1, 2, 3, 4, 5, 6].map(() => ring.write(bytes))).toEqual([true, true, true, true, false, false])
      expect(ring.dropped).toBe(2 * round)
      expect(drained(ring)).toHaveLength(4)
    }
    const perCpu = ring.droppedPerCpu()
    expect(perCpu).toHaveLength(info().possibleCpus)
    if (info().backend === 'native') expect(perCpu[cpu]).toBe(6)
  })
})

test('as many as asked for, and the rest later', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024)
    for (let i = 0; i < 5; i++) ring.write(Buffer.from(String(i)))
    expect(drained(ring, 0)).toEqual([])
    expect(drained(ring, 2).map(text)).toEqual(['0', '1'])
    expect(drained(ring, Infinity).map(text)).toEqual(['2', '3', '4'])
  })
})

test('a callback that throws loses the record that it threw at, and no other', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024)
    for (let i = 0; i < 4; i++) ring.write(Buffer.from(String(i)))
    const seen: string[] = []
    const fail = (record: RingRecord): void => {
      seen.push(text(record))
      if (seen.length === 2) throw new Error('not today')
    }
    expect(() => ring.drain(fail)).toThrow('not today')
    expect(drained(ring).map(text)).toEqual(['2', '3'])
  })
})

test('a callback may write, which comes to an end, but not read', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024)
    ring.write(Buffer.from('a'))
    ring.write(Buffer.from('b'))
    const seen: string[] = []
    ring.drain((record) => {
      seen.push(text(record))
      ring.write(Buffer.from(`${text(record)}!`))
      expect(() => ring.drain(() => 0)).toThrow(/this thread is reading the ring already/)
    })
    expect(seen).toEqual(['a', 'b'])
    expect(drained(ring).map(text)).toEqual(['a!', 'b!'])
  })
})

test('a flight recorder has the youngest records, without a gap', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024, { policy: 'overwrite' })
    expect(ring.snapshot()).toEqual([])
    for (let i = 0; i < 1000; i++) {
      expect(ring.write(Buffer.from(`record ${i}`))).toBe(true)
      const last = ring.snapshot().map(text)
      expect(last).toEqual(last.map((_, k) => `record ${i + 1 - last.length + k}`))
    }
    // All but the room that a writer might need for the longest one.
    const each = 24 + 16 + timeBytesHere()
    const longest = 24 + ring.longest + timeBytesHere()
    expect(ring.snapshot().length).toBeGreaterThanOrEqual((1024 - 8 - longest) / each - 1)
    expect(ring.dropped).toBe(0)
  })
})

test('a flight recorder is copied, any other ring is drained', () => {
  expect(() => new PerCpuRing(256, { policy: 'overwrite' }).drain(() => 0)).toThrow(/snapshot/)
  expect(() => new PerCpuRing(256).snapshot()).toThrow(/drain/)
})

test('a second object on one buffer sees the contents of the first', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(5000, { policy: 'discard', index: 'cpu' })
    const other = PerCpuRing.from(ring.buffer)
    expect([other.capacity, other.policy, other.index]).toEqual([8192, 'discard', 'cpu'])
    expect(other.longest).toBe(8192 / 4 - 24)
    ring.write(Buffer.from('x'))
    expect(drained(other).map(text)).toEqual(['x'])
    expect(PerCpuRing.from(new PerCpuRing(256, { policy: 'overwrite' }).buffer).policy).toBe('overwrite')
  })
})

test('it takes as much memory as it says', () => {
  for (const bytes of [256, 257, 65536, 100_000]) {
    const ring = new PerCpuRing(bytes)
    expect(ring.capacity).toBe(2 ** Math.ceil(Math.log2(bytes)))
    expect(ring.buffer.byteLength).toBeLessThanOrEqual(
      (info().possibleCpus + 1) * (ring.capacity + 256) + 256,
    )
  }
  expect(new PerCpuRing(1 << 16).longest).toBe((1 << 14) - 24)
  expect(new PerCpuRing(1 << 20).longest).toBe((1 << 16) - 24)
})

test('a buffer of something else is refused', () => {
  expect(() => PerCpuRing.from(new PerCpuCounter().buffer)).toThrow(/holds a PerCpuCounter;/)
  expect(() => PerCpuCounter.from(new PerCpuRing(256).buffer)).toThrow(/holds a PerCpuRing;/)
  expect(() => PerCpuRing.from(new SharedArrayBuffer(10))).toThrow(RangeError)
  expect(() => PerCpuRing.from(null as never)).toThrow(TypeError)
  const odd = new PerCpuRing(256)
  new Uint32Array(odd.buffer)[15] = 3
  expect(() => PerCpuRing.from(odd.buffer)).toThrow(/unknown value/)
})

const bytes = new Uint8Array(41)

test.each([
  ['bytesPerCpu: expected an integer from 256', RangeError, () => new PerCpuRing(255)],
  ['bytesPerCpu: expected an integer from 256', RangeError, () => new PerCpuRing(2 ** 30 + 1)],
  ['bytesPerCpu: expected an integer from 256', RangeError, () => new PerCpuRing(NaN)],
  ['bytesPerCpu: expected an integer from 256', TypeError, () => new PerCpuRing('256' as never)],
  ['options: expected an object', TypeError, () => new PerCpuRing(256, null as never)],
  [
    "policy: expected 'discard' or 'overwrite'",
    RangeError,
    () => new PerCpuRing(256, { policy: 'no' as never }),
  ],
  ["policy: expected 'discard' or 'overwrite'", TypeError, () => new PerCpuRing(256, { policy: 1 as never })],
  ["index: expected 'cpu'", RangeError, () => new PerCpuRing(256, { index: 'node' as never })],
  [
    'bytes: expected a Uint8Array of at most 40 bytes, got 41',
    RangeError,
    () => new PerCpuRing(256).write(bytes),
  ],
  ['bytes: expected a Uint8Array, got', TypeError, () => new PerCpuRing(256).write('text' as never)],
  [
    'bytes: expected a Uint8Array, got',
    TypeError,
    () => new PerCpuRing(256).write(new Int8Array(1) as never),
  ],
  ['bytes: expected a Uint8Array, got', TypeError, () => new PerCpuRing(256).write([1] as never)],
  ['callback: expected a function', TypeError, () => new PerCpuRing(256).drain(undefined as never)],
  ['most: expected an integer from 0', RangeError, () => new PerCpuRing(256).drain(() => 0, -1)],
  ['most: expected an integer from 0', TypeError, () => new PerCpuRing(256).drain(() => 0, '1' as never)],
] as const)('%s', (message, type, call) => {
  expect(call).toThrow(type)
  expect(call).toThrow(message)
})

test('bytes that are not what they say', () => {
  class Odd extends Uint8Array {
    said: unknown = 0
    override get length(): number {
      return this.said as number
    }
  }
  const ring = new PerCpuRing(4096)
  const odd = new Odd(64)
  for (const said of [-1, NaN, 2 ** 32, 0.5, Infinity, 1e9, '7']) {
    odd.said = said
    try {
      ring.write(odd)
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
    }
  }
  for (const { bytes } of drained(ring)) expect(bytes.length).toBeLessThanOrEqual(ring.longest)
})

test('a record is text in JSON: its bytes in base64, its time in digits', () => {
  const ring = new PerCpuRing(4096)
  ring.write(new Uint8Array([0, 1, 254, 255]))
  ring.write(new Uint8Array(0))
  const records: RingRecord[] = []
  ring.drain((record) => records.push(record))
  for (const record of records) {
    const { bytes, cpu, thread, time, overflow, truncated } = record
    const seen = JSON.parse(JSON.stringify({ record })) as { record: object }
    expect(seen.record).toEqual({
      ...{ cpu, thread, overflow, truncated, time: String(time) },
      bytes: Buffer.from(bytes).toString('base64'),
    })
    // What is sent to another thread is its data.
    expect(structuredClone(record)).toEqual({ bytes, cpu, thread, time, overflow, truncated })
  }
  expect((records[0]?.toJSON() as { bytes: string }).bytes).toBe('AAH+/w==')
})
