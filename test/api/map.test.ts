/** Maps in one thread: what each operation does, and what it refuses. */
import { LRUCache } from 'lru-cache'
import { describe, expect, test } from 'vitest'
import { PerCpuCounter, RegionCorruptError, SharedMap } from '../../lib/index.js'
import { expectWhole } from '../support/map.js'

const OPTIONS = { entries: 1000, bytes: 1 << 20 }

/** Numbers from 0 to 1 that are the same in each run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

describe('a map', () => {
  test('keeps texts, numbers, bytes and structured values under texts and bytes', () => {
    const map = new SharedMap(OPTIONS)
    const values: unknown[] = [
      ...[
        '',
        'a',
        'abc',
        'x'.repeat(47),
        'y'.repeat(48),
        'z'.repeat(5000),
        'héllo',
        '✓'.repeat(300),
        '\ud800',
      ],
      ...[0, -0, 1.5, NaN, -Infinity, 2 ** 53],
      ...[new Uint8Array(0), Uint8Array.of(1, 2, 3), new Uint8Array(3000).fill(7)],
      ...[null, true, 10n, { a: [1, 'b'] }, new Map([[1, { c: 2 }]]), new Date(5), [undefined]],
    ]
    values.forEach((value, k) => {
      map.set(`key${k}`, value)
      map.set(Uint8Array.of(k), value)
    })
    values.forEach((value, k) => {
      expect(map.get(`key${k}`)).toEqual(value)
      expect(map.get(Uint8Array.of(k))).toEqual(value)
    })
    expect(map.size).toBe(2 * values.length)
    expect(map.get('another')).toBeUndefined()
  })

  test('tells texts and bytes with the same bytes apart, and takes keys of up to 4,096 bytes', () => {
    const map = new SharedMap(OPTIONS)
    const long = 'k'.repeat(4096)
    for (const key of ['', 'ab', 'é', 'a'.repeat(4095), long]) {
      map.set(key, `text ${key.length}`)
      map.set(Buffer.from(key), `bytes ${key.length}`)
      expect([map.get(key), map.get(Buffer.from(key))]).toEqual([`text ${key.length}`, `bytes ${key.length}`])
    }
    expect(() => map.get(`${long}k`)).toThrow(/^key: expected a string or a Uint8Array of at most 4096 bytes/)
    expect(() => map.get('é'.repeat(2049))).toThrow(RangeError)
    expect(() => map.get(new Uint8Array(4097))).toThrow(RangeError)
    expect(() => map.get('\udc00')).toThrow(/^key: expected a string without lone halves of surrogate pairs/)
    for (const key of [5, null, undefined, {}, [1], new Uint16Array(2)])
      expect(() => map.get(key as string)).toThrow(TypeError)
  })

  test('does what a Map does, in a random order', () => {
    const random = numbers(1)
    const map = new SharedMap<number | string>({ entries: 2000, bytes: 1 << 22 })
    const model = new Map<string, number | string>()
    for (let n = 0; n < 30_000; n++) {
      const key = `key${Math.floor(random() * 300)}`
      const value = random() < 0.5 ? n : 'v'.repeat(Math.floor(random() * 200))
      const [chosen, former] = [Math.floor(random() * 7), model.get(key)]
      if (chosen === 0) expect(map.delete(key)).toBe(model.delete(key))
      else if (chosen === 1) expect(map.has(key)).toBe(model.has(key))
      else if (chosen === 2) {
        expect(map.add(key, value) !== undefined).toBe(former === undefined)
        if (former === undefined) model.set(key, value)
      } else if (chosen === 3) {
        expect(map.replace(key, value) !== undefined).toBe(former !== undefined)
        if (former !== undefined) model.set(key, value)
      } else if (chosen === 4 && typeof former !== 'string') {
        const sum = (former ?? 0) + 3
        expect(map.increment(key, 3)).toBe(sum)
        model.set(key, sum)
      } else if (chosen === 5) {
        map.set(key, value)
        model.set(key, value)
      } else expect(map.get(key)).toBe(former)
    }
    expect(map.statistics().evictions).toBe(0)
    expect(map.size).toBe(model.size)
    const sorted = (all: Iterable<[unknown, unknown]>): unknown[] =>
      [...all].sort(([a], [b]) => String(a).localeCompare(String(b)))
    expect(sorted(map)).toEqual(sorted(model))
    expect([...map.keys()].sort()).toEqual([...model.keys()].sort())
    expect([...map.values()].length).toBe(model.size)
    expectWhole(map)
    map.clear()
    expect([map.size, [...map]]).toEqual([0, []])
    expectWhole(map)
  })

  test('updates a key only if it has the version that the caller has read', () => {
    const map = new SharedMap<string>(OPTIONS)
    const first = map.set('key', 'a')
    expect(map.entry('key')).toEqual({ value: 'a', version: first, ttl: Infinity })
    const second = map.update('key', first, 'b') as number
    expect(second).toBeGreaterThan(first)
    expect(map.update('key', first, 'c')).toBeUndefined()
    expect(map.get('key')).toBe('b')
    map.delete('key')
    expect(map.update('key', second, 'd')).toBeUndefined()
    expect(map.entry('key')).toBeUndefined()
    expect(map.set('key', 'e')).toBeGreaterThan(second)
  })

  test('copies bytes and texts into the bytes of the caller', () => {
    const map = new SharedMap<unknown>(OPTIONS)
    const random = numbers(2)
    for (const length of [0, 1, 3, 4, 7, 100, 255, 256, 257, 3000]) {
      const value = Uint8Array.from({ length }, () => random() * 256)
      map.set('key', value)
      for (const offset of [0, 1, 4]) {
        const into = new Uint8Array(length + 8).subarray(offset)
        expect(map.getInto('key', into)).toBe(length)
        expect(into.subarray(0, length)).toEqual(value)
        expect(into.subarray(length).every((byte) => byte === 0)).toBe(true)
      }
    }
    map.set('key', 'texts, too')
    const into = Buffer.alloc(10)
    expect([map.getInto('key', into), into.toString()]).toEqual([10, 'texts, too'])
    expect(map.getInto('nothing', into)).toBe(-1)
    expect(() => map.getInto('key', new Uint8Array(9))).toThrow(/^bytes: expected at least 10 bytes, got 9/)
    expect(() => map.getInto('key', [] as unknown as Uint8Array)).toThrow(TypeError)
    map.set('key', { no: 'bytes' })
    expect(() => map.getInto('key', into)).toThrow(/^key: expected the key of a Uint8Array or a string/)
  })

  test('forgets entries whose time is over, and begins it anew when it is told to', () => {
    const map = new SharedMap<number>({ ...OPTIONS, ttl: 1 })
    const until = (isSo: () => boolean): void => {
      while (!isSo());
    }
    map.set('short', 1)
    map.set('long', 2, { ttl: 3_600_000 })
    map.set('ever', 3, { ttl: 0 })
    until(() => map.get('short') === undefined)
    expect([map.has('short'), map.entry('short'), map.delete('short')]).toEqual([false, undefined, false])
    expect(map.entry('ever')?.ttl).toBe(Infinity)
    const left = map.entry('long')?.ttl as number
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(3_600_001)
    expect(map.touch('long', { ttl: 7_200_000 })).toBe(true)
    expect(map.entry('long')?.ttl).toBeGreaterThan(left)
    expect([map.touch('short'), map.touch('nothing')]).toEqual([false, false])
    map.set('short', 1)
    until(() => !map.has('short'))
    expect(map.add('short', 5, { ttl: 1e6 })).toBeDefined()
    expect(map.increment('short')).toBe(6)
    expect([...map.keys()].sort()).not.toContain('nothing')
  })

  test('holds as many entries as were asked for, and its bound in bytes', () => {
    const map = new SharedMap<string>({ entries: 1000, bytes: 1 << 20 })
    expect(map.buffer.byteLength).toBeLessThanOrEqual(1 << 20)
    for (let k = 0; k < 1000; k++) map.set(`key${k}`, 'v'.repeat(100))
    expect([map.size, map.statistics().evictions]).toEqual([1000, 0])
    for (let k = 0; k < 20_000; k++) map.set(`more${k}`, 'v'.repeat(100))
    expect(map.size).toBeGreaterThanOrEqual(1000)
    expect(map.size).toBeLessThanOrEqual(2400)
    expectWhole(map)
  })

  test('takes at most 56 bytes for an entry beside its key and value, and 12.5 %', () => {
    const entries = 100_000
    const map = new SharedMap<Uint8Array>({ entries, bytes: 17_000_000 })
    const value = new Uint8Array(100)
    for (let k = 0; map.statistics().evictions === 0; k++) map.set(`key${String(k).padStart(13, '0')}`, value)
    const each = map.buffer.byteLength / map.size
    expect(map.size).toBeGreaterThan(0.8 * entries)
    expect(each).toBeLessThanOrEqual((116 + 56) * 1.125)
  })

  test('keeps what was overwritten again and again, and all that was not', () => {
    const map = new SharedMap<string>({ entries: 500, bytes: 1 << 18 })
    for (let k = 0; k < 200; k++) map.set(`still${k}`, `${k}`)
    for (let n = 0; n < 50_000; n++) map.set(`busy${n % 10}`, 'x'.repeat(n % 500))
    for (let k = 0; k < 200; k++) expect(map.get(`still${k}`)).toBe(`${k}`)
    expect(map.statistics().evictions).toBe(0)
    expectWhole(map)
  })

  test('takes long entries beside short ones, and refuses those that are too long', () => {
    const map = new SharedMap<Uint8Array | string>({ entries: 100, bytes: 1 << 20 })
    const most = map.mostEntryBytes - 32 - 4
    const random = numbers(3)
    for (let n = 0; n < 3000; n++) {
      const key = `k${n % 40}`.slice(0, 4).padEnd(4)
      const length = Math.floor(random() ** 3 * most)
      map.set(key, new Uint8Array(length).fill(n))
      const found = map.get(key) as Uint8Array
      expect([found.length, found.every((byte) => byte === (n & 255))]).toEqual([length, true])
    }
    expectWhole(map)
    map.set('long', new Uint8Array(most))
    expect(map.get('long')).toHaveLength(most)
    expect(() => map.set('long', new Uint8Array(most + 1))).toThrow(
      new RegExp(
        `^value: expected at most ${map.mostEntryBytes} bytes for an entry of a map of 1048576, got `,
      ),
    )
    expect(map.get('long')).toHaveLength(most)
  })

  test.each([
    ['skewed', 0],
    ['skewed, with scans', 0.3],
  ])('hits at most one point in a hundred less often than lru-cache: %s', (_, scans) => {
    const entries = 2000
    const random = numbers(4)
    const map = new SharedMap<number>({ entries, bytes: 1 << 20 })
    // As many as the map holds when it is full.
    for (let k = 0; k < 20 * entries; k++) map.set(`warm${k}`, k)
    const lru = new LRUCache<string, number>({ max: map.size })
    map.clear()
    let [hits, hitsOfLru, lookups] = [0, 0, 0]
    let scanned = 0
    for (let n = 0; n < 200_000; n++) {
      const isScan = random() < scans
      // A power of a uniform number is close to a Zipf distribution.
      const key = isScan ? `scan${scanned++}` : `key${Math.floor(20_000 * random() ** 4)}`
      lookups++
      if (map.get(key) === undefined) map.set(key, n)
      else hits++
      if (lru.get(key) === undefined) lru.set(key, n)
      else hitsOfLru++
    }
    expect(hits / lookups).toBeGreaterThan(hitsOfLru / lookups - 0.01)
  })

  test('shows what it is', () => {
    const map = new SharedMap({ ...OPTIONS, ttl: 5000 })
    map.set('a', 1)
    expect(JSON.parse(JSON.stringify(map))).toEqual({ entries: 1000, bytes: 1 << 20, ttl: 5000, size: 1 })
    expect(String(map)).toBe('SharedMap { entries: 1000, bytes: 1048576, ttl: 5000, size: 1 }')
  })

  test('refuses options, values and buffers that are none', () => {
    const refused = (options: object): (() => unknown) => {
      return () => new SharedMap(options as { entries: number; bytes: number })
    }
    expect(refused({ entries: 0, bytes: 1 << 20 })).toThrow(/^entries: expected an integer from 1 to /)
    expect(refused({ entries: 10 })).toThrow(/^bytes: expected an integer from 65536 to /)
    expect(refused({ entries: 1e6, bytes: 1 << 20 })).toThrow(
      /^bytes: expected room for the index of 1000000 /,
    )
    expect(refused({ ...OPTIONS, ttl: -1 })).toThrow(/^ttl: expected an integer from 0 to /)
    expect(refused({ ...OPTIONS, max: 5 })).toThrow(/^options: expected .* got 'max'/)
    const map = new SharedMap(OPTIONS)
    expect(() => map.set('key', undefined)).toThrow(/^value: expected a value other than undefined/)
    expect(() => map.set('key', () => 1)).toThrow(/(could|can) not be cloned/)
    expect(() => map.set('key', 1, { tll: 5 } as object)).toThrow(/did you mean 'ttl'/)
    expect(() => map.increment('key', 'x' as unknown as number)).toThrow(/^by: expected a number/)
    map.set('text', 'x')
    expect(() => map.increment('text')).toThrow(/^key: expected the key of a number, got 'text'/)
    expect(() => map.update('key', 0.5, 1)).toThrow(/^version: expected an integer/)
    expect(() => SharedMap.from(new PerCpuCounter().buffer)).toThrow(/holds a PerCpuCounter;/)
    expect(() => SharedMap.from(new SharedArrayBuffer(1000))).toThrow(/this one was not made by rseq/)
    expect(() => SharedMap.from({} as SharedArrayBuffer)).toThrow(TypeError)
    expect(() => PerCpuCounter.from(map.buffer)).toThrow(
      /holds a SharedMap; SharedMap\.from\(buffer\) opens it/,
    )
    expect(() => new SharedMap(map.buffer as unknown as typeof OPTIONS)).toThrow(/SharedMap\.from\(buffer\)/)
  })
})

describe('fetch', () => {
  test('computes a value once, for all who ask meanwhile and later', async () => {
    const map = new SharedMap<string>(OPTIONS)
    let computed = 0
    const compute = async (): Promise<string> => {
      computed++
      return Promise.resolve('value')
    }
    const asked = Array.from({ length: 10 }, async () => map.fetch('key', compute))
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['value']))
    expect(await map.fetch('key', compute)).toBe('value')
    expect(computed).toBe(1)
    expect(map.statistics().waits).toBe(9)
    expectWhole(map)
  })

  test('of another object on the buffer waits, too', async () => {
    const map = new SharedMap<string>(OPTIONS)
    const other = SharedMap.from<string>(map.buffer)
    let computed = 0
    const compute = async (): Promise<string> => {
      computed++
      return Promise.resolve('value')
    }
    expect(await Promise.all([map.fetch('key', compute), other.fetch('key', compute)])).toEqual([
      'value',
      'value',
    ])
    expect(computed).toBe(1)
  })

  test('that throws does so for who waits, leaves nothing, and is computed again', async () => {
    const map = new SharedMap<string>(OPTIONS)
    const failing = (): string => {
      throw new Error('no value')
    }
    await expect(Promise.all([map.fetch('key', failing), map.fetch('key', failing)])).rejects.toThrow(
      'no value',
    )
    expect([map.size, map.get('key')]).toEqual([0, undefined])
    expect(await map.fetch('key', () => 'value', { ttl: 1e6 })).toBe('value')
    await expect(map.fetch('other', 5 as unknown as () => string)).rejects.toThrow(
      /^compute: expected a function/,
    )
    expectWhole(map)
  })

  test('returns a value that is too long, and does not keep it', async () => {
    const map = new SharedMap<Uint8Array>(OPTIONS)
    const long = new Uint8Array(map.mostEntryBytes)
    expect(await map.fetch('key', () => long)).toBe(long)
    expect(map.has('key')).toBe(false)
  })
})

describe('a map that something has scribbled over', () => {
  const SEEDS = [1, 2, 3, 4, 5, 6]

  test.each(SEEDS)('answers wrongly or with an error, and goes on, seed %d', (seed) => {
    const random = numbers(seed)
    const map = new SharedMap<unknown>({ entries: 300, bytes: 1 << 17 })
    const words = new Int32Array(map.buffer, 0, map.buffer.byteLength >>> 2)
    let operations = 0
    const attempt = (use: () => unknown): void => {
      try {
        use()
        operations++
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }
    for (let n = 0; n < 3000; n++) {
      const key = `key${Math.floor(random() * 100)}`
      const value = random() < 0.3 ? { n, text: 'x'.repeat(n % 100) } : 'v'.repeat(Math.floor(random() * 700))
      attempt(() => map.set(key, value))
      attempt(() => map.get(key))
      attempt(() => map.delete(`key${Math.floor(random() * 100)}`))
      if (n % 100 === 0) attempt(() => [...map])
      if (n % 100 === 50)
        attempt(() => {
          map.clear()
        })
      // Anywhere but in the header, whose hash key is not repaired.
      const at = 64 + Math.floor(random() * (words.length - 64))
      words[at] =
        random() < 0.5
          ? Math.floor(random() * 2 ** 32)
          : (words[at] as number) ^ (1 << Math.floor(random() * 32))
    }
    expect(operations).toBeGreaterThan(3000)
  })

  test('does not give damaged bytes to the deserialiser', () => {
    const map = new SharedMap<unknown>(OPTIONS)
    map.set('key', { secret: 'AAAAAAAA' })
    const bytes = Buffer.from(map.buffer)
    bytes[bytes.indexOf('AAAAAAAA')] = 66
    expect(() => map.get('key')).toThrow(RegionCorruptError)
    map.set('key', { secret: 'BB' })
    expect(map.get('key')).toEqual({ secret: 'BB' })
  })
})
