/**
 * A writer of a map that ends at each of its stores in turn: readers see every key as before or after the change, and the next
 * writer makes the map whole. It is what SIGKILL or `terminate()` leaves, at all moments instead of at random ones.
 */
import { describe, expect, test } from 'vitest'
import { SharedMap } from '../lib/index.js'
import { hashKeyOf, readHeader } from '../lib/core/map-layout.js'
import { Key } from '../lib/map/key.js'
import { MapReader } from '../lib/map/reader.js'
import { Statistics } from '../lib/map/statistics.js'
import { Value } from '../lib/map/value.js'
import { MapWriter } from '../lib/map/writer.js'
import { expectWhole } from './support/map.js'

class Ended extends Error {}

/** The parts of a map that write, as a map has them, on words that can be told to let the writer end. */
class Parts {
  readonly buffer: SharedArrayBuffer
  readonly reader: MapReader
  readonly key: Key
  readonly value: Value
  readonly writer: MapWriter
  /** How many more stores the writer makes before it ends. */
  left = Infinity

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.reader = new MapReader(buffer, readHeader(buffer))
    const { words } = this.reader
    this.key = new Key(hashKeyOf(words))
    this.value = new Value(hashKeyOf(words))
    this.writer = new MapWriter(this.reader, new Statistics(buffer), () => 0)
  }

  #store(): void {
    if (this.left-- <= 0) throw new Ended()
  }

  /** Lets `use` change the map and end before the store that comes after `stores` of them. Returns whether it ended. */
  endsAfter(stores: number, use: (parts: this) => void): boolean {
    const { words } = this.reader
    const { store, add, load } = Atomics
    const proxy = new Proxy(words, {
      set: (target, index, value) => {
        this.#store()
        target[Number(index)] = value as number
        return true
      },
      get: (target, name) => {
        const found = Reflect.get(target, name, target) as unknown
        if (typeof found !== 'function') return found
        return (...given: unknown[]) => {
          if (name === 'copyWithin' || name === 'set') this.#store()
          return (found as (...all: unknown[]) => unknown).apply(target, given)
        }
      },
    })
    const real = (array: unknown): Int32Array => (array === proxy ? words : (array as Int32Array))
    Object.assign(this.reader, { words: proxy })
    Atomics.load = ((array: unknown, at: number) => load(real(array), at)) as typeof Atomics.load
    Atomics.add = ((array: unknown, at: number, by: number) => {
      if (array === proxy) this.#store()
      return add(real(array), at, by)
    }) as typeof Atomics.add
    Atomics.store = ((array: unknown, at: number, value: number) => {
      if (array === proxy) this.#store()
      return store(real(array), at, value)
    }) as typeof Atomics.store
    this.left = stores
    try {
      use(this)
      return false
    } catch (error) {
      if (error instanceof Ended) return true
      throw error
    } finally {
      Object.assign(Atomics, { load, add, store })
      Object.assign(this.reader, { words })
      this.left = Infinity
    }
  }

  /** What the next owner of the mutexes does. */
  repairAll(): void {
    const { segments, segmentWords, firstSegment } = this.reader.geometry
    for (let k = 0; k < segments; k++) this.writer.repair(firstSegment + k * segmentWords)
  }
}

type Content = Map<string, unknown>
const contentOf = (map: SharedMap): Content => new Map([...map] as [string, unknown][])

const segmentOf = ({ reader, key }: Parts): number => reader.segmentOf(key.hash)
const put =
  (key: string, value: unknown) =>
  (parts: Parts): void => {
    parts.key.take(key)
    parts.value.encode(value)
    parts.writer.put(segmentOf(parts), parts.key, parts.value, 0)
  }
const remove =
  (key: string) =>
  (parts: Parts): void => {
    parts.key.take(key)
    parts.writer.remove(segmentOf(parts), parts.key)
  }
const touch =
  (key: string) =>
  (parts: Parts): void => {
    parts.key.take(key)
    parts.writer.touch(segmentOf(parts), parts.key, 1e9)
  }

/** Each change, and how many entries the map has before it. */
const CHANGES: Record<string, { change: (parts: Parts) => void; entries: number; evicts?: boolean }> = {
  'a new key': { change: put('new', 'n'.repeat(50)), entries: 30 },
  'another value of a key': { change: put('key7', 'o'.repeat(90)), entries: 30 },
  'the removal of a key': { change: remove('key7'), entries: 30 },
  'another time to live': { change: touch('key7'), entries: 30 },
  'a new key in a full map': { change: put('new', 'n'.repeat(1500)), entries: 600, evicts: true },
}

function filled(entries: number): SharedMap {
  // One part, so that all of it is full.
  const map = new SharedMap({ entries: 1000, bytes: 1 << 16 })
  for (let k = 0; k < entries; k++) map.set(`key${k}`, `${k}/`.padEnd(60 + (k % 40), 'v'))
  return map
}

function copyOf(map: SharedMap): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(map.buffer.byteLength)
  new Uint8Array(copy).set(new Uint8Array(map.buffer))
  return copy
}

/** Whether a map's content is the one before a change or after it; where entries are evicted, or a part of them. */
function isBetween(content: Content, before: Content, after: Content, evicts: boolean): boolean {
  const isIn = (key: string, value: unknown): boolean => before.get(key) === value || after.get(key) === value
  const isMissing = (key: string): boolean =>
    !content.has(key) && (!before.has(key) || !after.has(key) || evicts)
  const keys = new Set([...content.keys(), ...before.keys(), ...after.keys()])
  return [...keys].every((key) => (content.has(key) ? isIn(key, content.get(key)) : isMissing(key)))
}

/** Lets a writer end at each store of a change. Returns how many there are, and how many states were wrong. */
function tryAll(name: string, repairs: boolean): { stores: number; wrong: number } {
  const { change, entries, evicts = false } = CHANGES[name] as (typeof CHANGES)[string]
  const original = filled(entries)
  const before = contentOf(original)
  const whole = copyOf(original)
  change(new Parts(whole))
  const after = contentOf(SharedMap.from(whole))
  let wrong = 0
  for (let stores = 0; ; stores++) {
    const buffer = copyOf(original)
    const parts = new Parts(buffer)
    const hasEnded = parts.endsAfter(stores, change)
    const map = SharedMap.from(buffer)
    // A reader that comes before the next writer.
    if (!isBetween(contentOf(map), before, after, evicts)) wrong++
    if (repairs) parts.repairAll()
    try {
      expectWhole(map)
      if (!isBetween(contentOf(map), before, after, evicts)) wrong++
      // The next writers find room, and nothing that was half made.
      for (let k = 0; k < 200; k++) map.set(`later${k}`, 'l'.repeat(300))
      expectWhole(map)
    } catch {
      wrong++
    }
    map[Symbol.dispose]()
    if (!hasEnded) return { stores, wrong }
  }
}

describe.each(Object.keys(CHANGES))('%s', (name) => {
  test('is there or not, and the map whole, wherever its writer ends', async ({ annotate }) => {
    const { stores, wrong } = tryAll(name, true)
    await annotate(`${stores} stores`)
    expect(stores).toBeGreaterThan(2)
    expect(wrong).toBe(0)
  })
})

test('without a repair, the map is not whole after some of the ends: the control', () => {
  expect(tryAll('another value of a key', false).wrong).toBeGreaterThan(0)
})
