/** Events that an addon records from C++, by native/percpu/trace.h, and JavaScript reads. */
import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { type SharedDirectory, openShared } from '../lib/shared/index.js'
import { type Trace, type TraceMemory, defineEvents, threadName } from '../lib/trace/index.js'
import { machineWithSectionsOr } from './support/machine.js'
import { Place, WHY_NO_SHM } from './support/shared.js'
import { randomOf } from './support/trace-fuzz.js'

const FILE = fileURLToPath(new URL('../native/test/trace/build/Release/trace_events.node', import.meta.url))

type Given = [ring: Uint8Array, events: Uint8Array, slot: number]

/** The addon: see native/test/trace/events.cc. */
interface Addon {
  open(...given: Given): number
  has(...given: Given): boolean[]
  order(...given: [...Given, first: number, count: number, url: string]): number
  all(...given: Given): boolean
  threads(...given: [...Given, threads: number, count: number]): void
}

const EVENTS = {
  beat: {},
  order: { fields: { n: 'u32', ms: 'f64', url: { type: 'string', most: 20 } } },
  all: {
    level: 'debug',
    fields: {
      i: 'i8',
      u: 'u16',
      wide: 'i64',
      half: 'f32',
      ok: 'bool',
      state: { enum: ['hit', 'a miss'] },
      flow: 'flow',
      raw: { type: 'bytes', most: 4 },
    },
  },
} as const
const definition = defineEvents('native', EVENTS)

function given({ ring, events, slot }: TraceMemory): Given {
  return [new Uint8Array(ring), new Uint8Array(events), slot]
}

describe('a trace in C++', () => {
  let addon: Addon
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    if (!existsSync(FILE)) throw new Error(`${FILE} is missing: build it with npm run build:test-support`)
    addon = createRequire(import.meta.url)(FILE) as Addon
  })
  const numbers = (trace: Trace<typeof EVENTS>): unknown[] =>
    trace.snapshot().map(({ values }) => values['n'])

  test('records what JavaScript would', () => {
    const trace = definition.open()
    trace.enable('*')
    const memory = given(trace.memory)
    expect(addon.order(...memory, 7, 1, '/cart')).toBe(1)
    expect(addon.all(...memory)).toBe(true)
    trace.order(7, 3.5, '/cart')
    trace.all(-5, 65535, -(2n ** 63n), 0.5, true, 'a miss', 2n ** 64n - 1n, Buffer.from('12345'))
    const seen = trace
      .snapshot()
      .map(({ time, cpu, ...others }) => ({ ...others, hasTime: time > 0n, cpu: cpu >= 0 }))
    expect(seen[0]).toMatchObject({ event: 'order', pid: process.pid, misfit: false, cut: [] })
    expect(seen.slice(0, 2)).toEqual(seen.slice(2))
    expect(seen[1]?.cut).toEqual(['raw'])
  })

  test('cuts texts between characters, as JavaScript does', () => {
    const trace = definition.open()
    const texts = [
      '',
      'x'.repeat(20),
      'x'.repeat(21),
      `${'x'.repeat(19)}é`,
      `${'x'.repeat(18)}日`,
      '😀'.repeat(6),
    ]
    for (const text of texts) {
      addon.order(...given(trace.memory), 1, 1, text)
      trace.order(1, 0.5, text)
    }
    const seen = trace.snapshot().map(({ values, cut }) => ({ values, cut }))
    texts.forEach((text, k) => {
      expect(seen[2 * k], text).toEqual(seen[2 * k + 1])
    })
  })

  test('knows an event by the hash of its definition, and no other', () => {
    expect(addon.has(...given(definition.open().memory))).toEqual([true, true, false])
    const { order, all } = EVENTS
    const others = [
      { order: { ...order, level: 'debug' } },
      { order: { fields: { ...order.fields, url: 'string' } } },
      { order: { fields: { ms: 'f64', n: 'u32', url: order.fields.url } } },
      { orders: order },
      { order: { ...order, kind: 'span' } },
      { all: { ...all, fields: { ...all.fields, state: { enum: ['a miss', 'hit'] } } } },
    ] as const
    for (const other of others) {
      const { memory } = defineEvents('native', other).open()
      expect(addon.has(...given(memory)), JSON.stringify(other)).toEqual([false, false, false])
      expect(addon.order(...given(memory), 1, 1, '/')).toBe(0)
    }
    const contexts = { thread: threadName }
    const named = defineEvents('native', { order }, { contexts }).open()
    expect(addon.has(...given(named.memory))).toEqual([false, false, false])
  })

  test('obeys switches, samples, filters and limits', () => {
    const trace = definition.open()
    const memory = given(trace.memory)
    const recorded = (options: Parameters<typeof trace.enable>[1] | null): unknown[] => {
      const before = trace.snapshot().length
      if (options === null) trace.disable('*')
      else trace.enable('order', options)
      addon.order(...memory, 0, 10, '/')
      return numbers(trace).slice(before)
    }
    expect(recorded(null)).toEqual([])
    expect(recorded({ sample: 5 })).toEqual([4, 9])
    expect(recorded({ filter: 'n > 7 || ms == 0.5' })).toEqual([1, 8, 9])
    expect(recorded({ filter: 'n >= 2 && n < 5 && ms != 1.5', sample: 2 })).toEqual([4])
    expect(recorded({ filter: 'n <= 1', perSecond: 1000 })).toEqual([0, 1])
    // Two of this second are counted already, if it is still the same second.
    trace.enable('order', { perSecond: 3 })
    const limited = addon.order(...memory, 0, 10_000, '/')
    expect([limited > 0, limited < 10_000]).toEqual([true, true])
    trace.enable('all', {
      filter: 'flow == 5 || wide > 0 || ok == false || state == hit || half > 0.5 || i > -5',
    })
    expect(addon.all(...memory)).toBe(false)
    trace.enable('all', { filter: "i == -5 && half == 0.5 && state == 'a miss' && wide < -9007199254740991" })
    expect(addon.all(...memory)).toBe(true)
  })

  test('takes any bytes: it refuses the memory, or records or not', () => {
    const trace = definition.open({ bytesPerCpu: 8192 })
    trace.enable('order', { filter: 'n > 3 || ms > 1', perSecond: 5 })
    const [ring, events, slot] = given(trace.memory)
    const copy = new Uint8Array(new SharedArrayBuffer(events.length))
    const random = randomOf(11)
    for (let round = 0; round < 500; round++) {
      copy.set(events)
      // The head and the switches, the definition, and the blocks.
      const end = [100, events.length, events.length - 4 * 256 * 3][round % 3] ?? 0
      for (let k = 0; k < 5; k++) copy[random(end)] = random(256)
      expect([0, 2]).toContain(addon.open(ring, copy, slot))
      if (addon.open(ring, copy, slot) === 0) addon.order(ring, copy, slot, 0, 10, '/')
    }
    for (let length = 0; length < events.length; length += 8)
      expect(addon.open(ring, events.subarray(0, length), slot)).toBe(2)
    expect(addon.open(ring.subarray(0, 64), events, slot)).toBe(1)
    expect(addon.open(ring, events, 1024)).toBe(3)
    expect(addon.open(ring, events, slot)).toBe(0)
  })

  test('has no records that are lost or mixed, from many threads and JavaScript', () => {
    const trace = definition.open({ bytesPerCpu: 2 ** 22 })
    addon.threads(...given(trace.memory), 4, 5000)
    for (let n = 20_000; n < 25_000; n++) trace.order(n, n / 2, '/script')
    const seen = trace.snapshot()
    expect(seen.every(({ values }) => values['ms'] === Number(values['n']) / 2)).toBe(true)
    expect(
      numbers(trace)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 25_000 }, (_, n) => n))
    expect(new Set(seen.map(({ thread }) => thread)).size).toBe(5)
  })

  test.skipIf(WHY_NO_SHM !== '')(
    'refuses the memory of a service, which another copy of the library has mapped',
    async () => {
      const place = new Place()
      try {
        const shop: SharedDirectory = openShared('shop', { directory: place.directory })
        const { memory } = definition.open(shop)
        expect(addon.open(...given(memory))).toBe(1)
        expect(addon.order(...given(memory), 0, 100, '/')).toBe(0)
      } finally {
        await place.end()
      }
    },
  )
})
