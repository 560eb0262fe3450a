/** `rseq/trace` in one process: what is recorded is read again, whatever the events and the values are. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { execFileSync } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, test, vi } from 'vitest'
import { isWithinRate } from '../../lib/trace/controls.js'
import {
  type Contexts,
  type ProcessTrace,
  type TraceMemory,
  defineEvents,
  newFlow,
  processEvents,
  recordProcess,
  threadName,
} from '../../lib/trace/index.js'
import { Team } from '../support/team.mjs'
import { randomEvents, randomOf, writeOne } from '../support/trace-fuzz.js'

const shop = defineEvents('shop', {
  request: { fields: { url: 'string', bytes: 'u32', ms: 'f64' } },
  query: { kind: 'span', fields: { table: 'string' }, end: { rows: 'i32' } },
  detail: { level: 'debug', fields: { state: { enum: ['idle', 'busy'] } } },
  beat: { level: 'error' },
})

describe('events', () => {
  test('have their values, their time, and who recorded them', () => {
    const trace = shop.open()
    expect(trace.request('/cart', 512, 3.5)).toBe(true)
    expect(trace.request({ ms: 4.5, bytes: 1, url: '/' })).toBe(true)
    expect(trace.beat()).toBe(true)
    const [first, second, third] = trace.snapshot()
    expect(first).toMatchObject({
      ...{ trace: 'shop', event: 'request', phase: 'event', level: 'info', span: 0, pid: process.pid },
      ...{ values: { url: '/cart', bytes: 512, ms: 3.5 }, cut: [], misfit: false },
    })
    expect(second?.values).toEqual({ url: '/', bytes: 1, ms: 4.5 })
    expect(third).toMatchObject({ event: 'beat', level: 'error', values: {} })
    expect(first?.thread).toBeGreaterThan(0)
    expect((third?.time ?? 0n) >= (first?.time ?? 1n)).toBe(true)
  })

  test('of spans have a beginning and an end with one number, which may be interleaved', () => {
    const trace = shop.open()
    const [a, b] = [trace.query('users'), trace.query({ table: 'carts' })]
    expect(b(2)).toBe(true)
    expect(a({ rows: 1 })).toBe(true)
    expect(a({ rows: 1 })).toBe(false)
    const seen = trace.snapshot().map(({ phase, span, values }) => ({ phase, span, values }))
    const [first, second] = [seen[0]?.span ?? 0, seen[1]?.span ?? 0]
    expect(first).not.toBe(second)
    expect(seen).toEqual([
      { phase: 'begin', span: first, values: { table: 'users' } },
      { phase: 'begin', span: second, values: { table: 'carts' } },
      { phase: 'end', span: second, values: { rows: 2 } },
      { phase: 'end', span: first, values: { rows: 1 } },
    ])
  })

  test('of any fields and values come back as they were given', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = randomOf(seed)
      const { events, schema } = randomEvents(random)
      const trace = defineEvents('fuzz', schema).open()
      const written = Array.from({ length: 12 }, () => {
        const event = events[random(events.length)]
        return event === undefined ? [] : writeOne(trace, event, random)
      }).flat()
      const seen = trace.snapshot()
      expect(
        seen.map(({ event, phase, values, cut }) => ({ event, phase, values, cut })),
        `seed ${seed}`,
      ).toEqual(written)
      expect(seen.filter(({ misfit }) => misfit)).toEqual([])
    }
  })

  test('are in order for each CPU, and none is lost, from many threads', async () => {
    const schema = { numbered: { fields: { k: 'u32', half: 'f64' } } } as const
    const trace = defineEvents('team', schema).open({ bytesPerCpu: 1 << 22 })
    const [threads, count] = [4, 5000]
    const team = await Team.lineUp<null, { recorded: number }>('tracer', threads, {
      data: (i) => ({ memory: trace.memory, name: 'team', schema, from: i * count, count }),
    })
    const reports = await team.run()
    expect(reports.map(({ recorded }) => recorded)).toEqual(Array(threads).fill(count))
    const seen = trace.snapshot()
    const numbers = seen.map(({ values }) => Number(values['k']))
    expect(seen.every(({ values }) => values['half'] === Number(values['k']) / 2)).toBe(true)
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: threads * count }, (_, k) => k))
    expect(new Set(seen.map(({ thread }) => thread)).size).toBe(threads)
  })
})

describe('a value that does not fit', () => {
  const wide = defineEvents('wide', {
    all: {
      fields: {
        i: 'i8',
        u: 'u16',
        w: 'u64',
        f: 'f64',
        b: 'bool',
        s: 'string',
        e: { enum: ['x'] },
        y: 'bytes',
      },
    },
    list: { fields: { list: { type: 'i32[]', most: 2 } } },
  })

  test('is replaced by the nearest that does, and the record says so; nothing is thrown', async () => {
    const trace = wide.open()
    const all = trace.all as (...values: unknown[]) => boolean
    const list = trace.list as (...values: unknown[]) => boolean
    const warned = vi.fn()
    process.on('warning', warned)
    expect(all(200, -5, 2n ** 70n, '1', 1, 5, 'y', 'text')).toBe(true)
    expect(all(-1.5, 1e9, -1, undefined, null, Symbol('s'), {}, [])).toBe(true)
    expect(list([1, '2', 3])).toBe(true)
    expect(list('no list')).toBe(true)
    expect(list({ length: 1 })).toBe(true)
    expect(all()).toBe(true)
    const seen = trace.snapshot()
    expect(seen.map(({ misfit }) => misfit)).toEqual(Array(6).fill(true))
    const nothing = { f: 0, b: false, s: '', e: 'x', y: new Uint8Array(0) }
    expect(seen[0]?.values).toEqual({ i: 127, u: 0, w: 2n ** 64n - 1n, ...nothing })
    expect(seen[1]?.values).toEqual({ i: -1, u: 65535, w: 0n, ...nothing })
    expect(seen[2]).toMatchObject({ values: { list: [1, 0] }, cut: ['list'] })
    expect(seen[3]).toMatchObject({ values: { list: [] } })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    // One for each event, however often it happens.
    expect(warned.mock.calls.map(([warning]) => (warning as Error).message.split(' ')[3])).toEqual([
      "'all'",
      "'list'",
    ])
  })

  test('runs no code of the caller in the middle of a record', () => {
    const trace = wide.open()
    const list = trace.list as (...values: unknown[]) => boolean
    const nested = [
      1,
      {
        valueOf(): number {
          list([9])
          return 7
        },
      },
    ]
    Object.defineProperty(nested, 0, {
      get: () => {
        list([8])
        return 5
      },
    })
    list(nested)
    list({
      get list() {
        list([6])
        return [4]
      },
    })
    expect(trace.snapshot().map(({ values }) => values['list'])).toEqual([[8], [5, 0], [6], [4]])
  })

  test('has its record written before anybody is warned, whose code may record an event', () => {
    const trace = wide.open()
    const all = trace.all as (...values: unknown[]) => boolean
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {
      trace.list([1, 2])
    })
    all(1, 2, 3n, 4, true, 5, 'x', new Uint8Array(1))
    emitWarning.mockRestore()
    const seen = trace.snapshot()
    expect(seen.map(({ event, misfit }) => [event, misfit])).toEqual([
      ['all', true],
      ['list', false],
    ])
    expect(seen[0]?.values).toMatchObject({ i: 1, u: 2, w: 3n, f: 4, b: true, s: '' })
  })

  test('may be an array whose memory was transferred: it has no elements', () => {
    const bytes = new Uint8Array(8)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    const trace = defineEvents('gone', { it: { fields: { y: 'bytes', l: 'u8[]' } } }).open()
    expect(trace.it(bytes, bytes)).toBe(true)
    expect(trace.snapshot()[0]?.values).toEqual({ y: new Uint8Array(0), l: [] })
  })

  test('cannot be read beyond a typed array that lies about its length', () => {
    class Liar extends Uint8Array {
      override get length(): number {
        return 1000
      }
    }
    const trace = defineEvents('liar', { it: { fields: { y: 'bytes', l: 'u8[]' } } }).open()
    trace.it(new Liar(3), new Liar(2))
    expect(trace.snapshot()[0]?.values).toEqual({ y: new Uint8Array(3), l: [0, 0] })
  })
})

describe('switches', () => {
  test('turn events on and off by name, wildcard and level', () => {
    const trace = shop.open()
    expect(trace.detail('busy')).toBe(false)
    expect(trace.enable('det*')).toBe(1)
    expect(trace.detail('busy')).toBe(true)
    expect([trace.isOn('detail'), trace.isOn('nothing')]).toEqual([true, false])
    expect(trace.disable('*')).toBe(4)
    expect(trace.isOn('detail')).toBe(false)
    expect(trace.request('/', 1, 1)).toBe(false)
    expect(trace.query('users')(1)).toBe(false)
    expect(trace.enable('shop:*', { level: 'warning' })).toBe(1)
    expect([trace.beat(), trace.request('/', 1, 1)]).toEqual([true, false])
    expect(trace.enable('nothing')).toBe(0)
    expect(trace.enable('other:beat')).toBe(0)
    expect(trace.events().map(({ event, sample }) => [event, sample])).toEqual([
      ['request', 0],
      ['query', 0],
      ['detail', 0],
      ['beat', 1],
    ])
  })

  test('end a span that has begun although its event is off by then', () => {
    const trace = shop.open()
    const end = trace.query('users')
    trace.disable('query')
    expect(end(1)).toBe(true)
    expect(trace.snapshot().map(({ phase }) => phase)).toEqual(['begin', 'end'])
  })

  test('record one of n', () => {
    const trace = shop.open()
    trace.enable('beat', { sample: 10 })
    const recorded = Array.from({ length: 100 }, () => trace.beat()).filter(Boolean)
    expect(recorded.length).toBe(10)
    expect(trace.snapshot().length).toBe(10)
  })

  test('may hold any number', () => {
    const trace = shop.open()
    new Uint32Array(trace.memory.events, 64, 2).fill(0xffffffff)
    expect(trace.request('/', 1, 1)).toBe(false)
    expect(trace.query('users')(1)).toBe(false)
    expect(trace.events()[0]).toMatchObject({ sample: 0, state: 'damaged' })
    new Uint32Array(trace.memory.events, 64, 1).fill(0x7fffffff)
    expect(trace.request('/', 1, 1)).toBe(false)
    expect(trace.events()[0]).toMatchObject({ sample: 0x7fffffff, state: '1 in 2147483647' })
  })
})

describe('filters', () => {
  const typed = defineEvents('typed', {
    all: { fields: { n: 'i32', big: 'u64', ok: 'bool', state: { enum: ['hit', 'a miss'] }, text: 'string' } },
    job: { kind: 'span', fields: { n: 'u8' }, end: { ms: 'f64' } },
    plain: {},
  })
  type Values = [number, bigint, boolean, 'hit' | 'a miss', string]
  const values: Values[] = [
    [-1, 0n, true, 'hit', ''],
    [0, 2n ** 53n + 1n, false, 'a miss', 'x'],
    [1000, 7n, true, 'a miss', 'y'],
    [1001, 2n ** 64n - 1n, false, 'hit', 'z'],
  ]
  const numbersThatPass = (filter: string): unknown[] => {
    const trace = typed.open({ bytesPerCpu: 4096 })
    expect(trace.enable('all', { filter }), filter).toBe(1)
    const passed = values.filter((of) => trace.all(...of)).map(([n]) => n)
    const named = values.filter(([n, big, ok, state, text]) => trace.all({ n, big, ok, state, text }))
    expect(named.map(([n]) => n)).toEqual(passed)
    expect(trace.snapshot().map((event) => event.values['n'])).toEqual([...passed, ...passed])
    return passed
  }

  test('choose events by their values, before anything is written', () => {
    expect(numbersThatPass('n > 1000')).toEqual([1001])
    expect(numbersThatPass('n>=1e3')).toEqual([1000, 1001])
    expect(numbersThatPass('n != 0')).toEqual([-1, 1000, 1001])
    expect(numbersThatPass('n < 0 || n > 1000')).toEqual([-1, 1001])
    expect(numbersThatPass('ok == true')).toEqual([-1, 1000])
    expect(numbersThatPass("state == 'a miss'")).toEqual([0, 1000])
    expect(numbersThatPass('state != hit && n <= 0')).toEqual([0])
    expect(numbersThatPass('big > 9007199254740991')).toEqual([0, 1001])
    expect(numbersThatPass('n == 5 && ok == true || big == 7 || n == -1 && ok == false')).toEqual([1000])
    expect(numbersThatPass('n == .5e1')).toEqual([])
  })

  test('see a value that is no number as one that differs from all', () => {
    const trace = typed.open()
    const all = trace.all as (...given: unknown[]) => boolean
    trace.enable('all', { filter: 'n != 3' })
    expect([all('3'), all({}), all(), all(NaN), all(3)]).toEqual([true, true, true, true, false])
    trace.enable('all', { filter: 'n == 0' })
    expect([all('0'), all(null), all(), all(0)]).toEqual([false, false, false, true])
  })

  test('of spans look at the beginning, and leave out the end with it', () => {
    const trace = typed.open()
    trace.enable('job', { filter: 'n == 2' })
    expect([1, 2, 3].map((n) => trace.job(n)(n))).toEqual([false, true, false])
    expect(trace.snapshot().map(({ phase }) => phase)).toEqual(['begin', 'end'])
  })

  test('are shown, stand before sampling, and end with the next enable()', () => {
    const trace = typed.open()
    expect(trace.enable('typed:*', { filter: "n > 0.5 || state == 'a miss'", sample: 2 })).toBe(1)
    expect(trace.events().map(({ state, sample }) => [state, sample])).toEqual([
      ['n > 0.5 || state == a miss, 1 in 2', 2],
      ['on', 1],
      ['on', 1],
    ])
    const recorded = [0, 1, 2, 3, 4].map((n) => trace.all(n, 0n, true, 'hit', ''))
    expect(recorded).toEqual([false, false, true, false, true])
    trace.enable('all')
    expect(trace.events()[0]?.state).toBe('on')
    expect(trace.all(0, 0n, true, 'hit', '')).toBe(true)
  })

  test('may be changed by another thread while events are recorded', () => {
    const trace = typed.open()
    const other = typed.from(trace.memory)
    for (let n = 0; n < 50; n++) {
      other.enable('all', { filter: `n == ${n}` })
      expect([trace.all(n, 0n, true, 'hit', ''), trace.all(n + 1, 0n, true, 'hit', '')]).toEqual([
        true,
        false,
      ])
    }
  })

  test('that are mistakes are errors which say what is accepted', () => {
    const trace = typed.open()
    const enable = (filter: unknown): (() => number) => {
      return () => trace.enable('*', { filter: filter as string })
    }
    for (const text of [
      '',
      ' ',
      'n',
      'n >',
      '> 1',
      'n = 1',
      'n > 1 &&',
      'n > 1 n > 2',
      'n > 1; n',
      'n > 1 | n > 2',
    ])
      expect(enable(text), text).toThrow(/^filter: expected 1 to 8 comparisons/)
    expect(enable(Array(9).fill('n > 1').join(' && '))).toThrow(/^filter: expected 1 to 8/)
    expect(enable('n > 1 && '.repeat(100))).toThrow(/^filter: expected a text of at most 500/)
    expect(enable('text == 1')).toThrow(/^filter: expected numbers.*text is of the type string/)
    expect(enable('n > x')).toThrow(/^filter: expected a number/)
    for (const number of ['0x10', 'Infinity', 'NaN', '1e999', '1_000', '9007199254740993', '1'.repeat(60)])
      expect(enable(`n > ${number}`), number).toThrow(/^filter: expected a number/)
    for (const word of ['1', 'constructor', '__proto__'])
      expect(enable(`ok == ${word}`), word).toThrow(/^filter: expected true or false/)
    expect(enable('state == lost')).toThrow(/^filter: expected one of hit, a miss/)
    expect(enable('__proto__ == 1')).toThrow(/^filter: expected fields .*there are n, big, ok, state, text/)
    expect(enable('ms > 1')).toThrow(/^filter: expected fields/)
    expect(enable(5)).toThrow(/^filter: .*got 5/)
    expect(() => trace.enable('*', { perSecond: 0 })).toThrow(/^perSecond: /)
    expect(() => trace.enable('*', { perSecond: 2 ** 20 })).toThrow(/^perSecond: /)
    expect(trace.events().every(({ state }) => state === 'on')).toBe(true)
  })

  test('in overwritten memory: an event is recorded or not, and nothing is thrown', () => {
    const trace = typed.open({ bytesPerCpu: 4096 })
    const [switches, words] = [4, 256]
    const length = trace.memory.events.byteLength
    const controls = new Uint8Array(
      trace.memory.events,
      length - switches * (160 + 4 * words),
      switches * 160,
    )
    trace.enable('all', { filter: 'n > 1 || ok == true && big < 5', sample: 3, perSecond: 1000 })
    const whole = Uint8Array.from(controls)
    const { state } = trace.events()[0] ?? {}
    for (let at = 0; at < 160; at++) {
      for (const bits of [1, 0x80, 0xff]) {
        controls.set(whole)
        controls[at] = (controls[at] ?? 0) ^ bits
        // A thread that has not seen the filter before, and one that has.
        const fresh = typed.from(trace.memory)
        for (const [n, ...others] of values) fresh.all(n, ...others)
        // The first 8 bytes are not the filter's.
        expect(fresh.events()[0]?.state).toBe(at < 8 ? state : 'damaged')
        fresh[Symbol.dispose]()
        trace.all(5, 0n, true, 'hit', '')
      }
    }
    const random = randomOf(7)
    new Uint32Array(trace.memory.events, length - 4 * words * switches, words * switches).forEach(
      (_, k, all) => {
        all[k] = random(2 ** 32)
      },
    )
    controls.set(whole)
    for (let k = 0; k < 100; k++) trace.all(5, 0n, true, 'hit', '')
    trace.enable('*')
    expect(trace.all(5, 0n, true, 'hit', '')).toBe(true)
  })
})

describe('a limit for each second and CPU', () => {
  test('counts what all threads record, begins again with the next second, and takes any word', () => {
    const words = new Uint32Array(new SharedArrayBuffer(4 * 256))
    const passed = (now: number, cpu = 3): number =>
      Array.from({ length: 10 }, () => isWithinRate(words, cpu, 4, now)).filter(Boolean).length
    expect([passed(1_000_000), passed(1_000_999), passed(1_001_000), passed(999_000)]).toEqual([4, 0, 4, 4])
    expect([passed(1_002_000, 4), passed(1_002_000, 4 + 256)]).toEqual([4, 0])
    for (const word of [0, 1, 0xffffffff, 0x7fffffff, 0x80000000]) {
      words[3] = word
      expect(passed(5_000)).toBeLessThanOrEqual(4)
      expect(passed(6_000)).toBe(4)
    }
    // The largest limit does not run into the bits of the second.
    words[3] = ((7 << 20) | (2 ** 20 - 2)) >>> 0
    expect([isWithinRate(words, 3, 2 ** 20 - 1, 7000), isWithinRate(words, 3, 2 ** 20 - 1, 7000)]).toEqual([
      true,
      false,
    ])
  })

  test('is one that events keep to', () => {
    const trace = shop.open()
    trace.enable('beat', { perSecond: 5 })
    expect(trace.events()[3]?.state).toBe('5 a second')
    const clock = vi.spyOn(Date, 'now').mockReturnValue(12_345_678)
    let recorded = 0
    for (let k = 0; k < 10_000; k++) if (trace.beat()) recorded++
    clock.mockRestore()
    expect(recorded).toBe(trace.snapshot().length)
    // Each CPU has a limit of its own, and there are words for 256.
    expect(recorded).toBeGreaterThanOrEqual(5)
    expect(recorded).toBeLessThanOrEqual(5 * 256)
  })
})

describe('contexts', () => {
  test('are fields that nobody passes: of the thread, of an AsyncLocalStorage, or by a function', () => {
    const requests = new AsyncLocalStorage<{ id: string }>()
    const flows = new AsyncLocalStorage<bigint>()
    const trace = defineEvents(
      'ctx',
      {
        one: { fields: { n: 'u32' } },
        bare: {},
        list: { fields: { of: 'u8[]' } },
        job: { kind: 'span', fields: { n: 'u8' }, end: { ms: 'f64' } },
      },
      {
        contexts: {
          thread: threadName,
          flow: { type: 'flow', from: flows },
          request: { type: 'string', from: () => requests.getStore()?.id },
        },
      },
    ).open()
    const outside = { thread: 'main', flow: 0n, request: '' }
    trace.one(1)
    const flow = newFlow()
    const inside = { thread: 'main', flow, request: 'r-1' }
    let end: ReturnType<typeof trace.job> | undefined
    flows.run(flow, () => {
      requests.run({ id: 'r-1' }, () => {
        trace.one({ n: 2 })
        trace.bare()
        trace.list([1, 2])
        end = trace.job(1)
      })
    })
    end?.(2.5)
    const seen = trace.snapshot()
    expect(seen.map(({ values }) => values)).toEqual([
      { n: 1, ...outside },
      { n: 2, ...inside },
      inside,
      { of: [1, 2], ...inside },
      { n: 1, ...inside },
      { ms: 2.5, ...outside },
    ])
    expect(seen.filter(({ misfit }) => misfit)).toEqual([])
    trace.enable('one', { filter: `flow != 0` })
    expect([trace.one(1), flows.run(5n, () => trace.one(1))]).toEqual([false, true])
  })

  test('that throw, and values that do not fit, are nothing, and may record events', () => {
    const trace: { inner: () => boolean } = { inner: () => false }
    const definition = defineEvents(
      'ctx',
      { inner: { fields: { n: 'u8' } }, outer: { fields: { n: 'u8' } } },
      {
        contexts: {
          a: {
            type: 'u8',
            from: () => {
              throw new Error('no context')
            },
          },
          b: { type: 'bool', from: () => trace.inner() },
        },
      },
    )
    const open = definition.open()
    trace.inner = () => open.inner(1) // It has no contexts, as one is being asked.
    expect(open.outer(2)).toBe(true)
    expect(open.snapshot().map(({ event, values }) => ({ event, ...values }))).toEqual([
      { event: 'inner', n: 1, a: 0, b: false },
      { event: 'outer', n: 2, a: 0, b: true },
    ])
  })

  test('are part of the definition: a trace with others is another trace', () => {
    const events = { a: { fields: { n: 'u8' } } } as const
    const plain = defineEvents('ctx', events)
    const named = defineEvents('ctx', events, { contexts: { thread: threadName } })
    expect(() => plain.from(named.open().memory)).toThrow(/^memory: /)
    expect(named.from(named.open().memory).a(1)).toBe(true)
  })

  test('name their mistakes', () => {
    const define = (contexts: unknown, fields = {}): (() => unknown) => {
      return () => defineEvents('ctx', { a: { fields } }, { contexts: contexts as Contexts })
    }
    const from = (): number => 1
    expect(define(5)).toThrow(/^contexts: /)
    expect(define({ x: 'u8' })).toThrow(/^contexts\.x: /)
    expect(define({ x: { type: 'u33', from } })).toThrow(/^contexts\.x: expected a type/)
    for (const type of ['u8', { type: 'string', most: 8 }])
      expect(define({ ['__proto__']: { type, from } })).toThrow(
        /^contexts: expected a name .*got '__proto__'/,
      )
    expect(define({ x: { type: 'u8' } })).toThrow(/^contexts\.x\.from: expected a function or an AsyncLocal/)
    expect(define({ x: { type: 'u8', from, form: 1 } })).toThrow(/^unknown option|form/)
    expect(define({ x: { type: 'u8', from } }, { x: 'u8' })).toThrow(/^a\.fields: .*a context has it/)
    const many = Object.fromEntries(Array.from('bcdefghi', (name) => [name, 'u8']))
    expect(define({ x: { type: 'u8', from } }, many)).toThrow(/^a\.fields: .*contexts included/)
    expect(() => defineEvents('ctx', { a: {} }, { context: {} } as object)).toThrow(/did you mean 'contexts'/)
  })

  test('of flows: ids that differ', () => {
    const ids = Array.from({ length: 1000 }, () => newFlow())
    expect(new Set(ids).size).toBe(1000)
    expect(ids.every((id) => id >= 0n && id < 2n ** 63n)).toBe(true)
  })
})

describe('a full trace', () => {
  test('drops and counts, until it is drained', () => {
    const trace = shop.open({ bytesPerCpu: 4096, policy: 'discard' })
    let recorded = 0
    for (let k = 0; k < 1000; k++) if (trace.request('/', k, 1)) recorded++
    expect(trace.dropped).toBe(1000 - recorded)
    let seen = 0
    expect(trace.drain(() => seen++, 5)).toBe(5)
    expect(trace.drain(() => seen++)).toBe(recorded - 5)
    expect(seen).toBe(recorded)
    expect(() => trace.snapshot()).toThrow(/policy 'overwrite'/)
  })

  test('keeps the youngest', () => {
    const trace = shop.open({ bytesPerCpu: 4096 })
    for (let k = 0; k < 1000; k++) trace.request('/', k, 1)
    expect(trace.snapshot().at(-1)?.values['bytes']).toBe(999)
    expect(trace.dropped).toBe(0)
  })
})

describe('memory', () => {
  test('of other events is refused, and damaged memory, too', () => {
    const trace = shop.open()
    const other = defineEvents('shop', { request: { fields: { url: 'string' } } })
    expect(() => other.from(trace.memory)).toThrow(/^memory: expected .* events of this definition/)
    const events = new SharedArrayBuffer(trace.memory.events.byteLength)
    const from = (bytes: Uint8Array): (() => unknown) => {
      new Uint8Array(events).set(bytes)
      return () => shop.from({ ...trace.memory, events })
    }
    const whole = Uint8Array.from(new Uint8Array(trace.memory.events))
    expect(from(whole)()).toBeDefined()
    let refused = 0
    const [head, text] = [24, new Uint32Array(trace.memory.events, 12, 1)[0] ?? 0]
    const end = head + 64 + text
    for (let at = 0; at < end; at++) {
      const damaged = Uint8Array.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ 0x41
      try {
        from(damaged)()
      } catch (error) {
        expect((error as Error).message).toMatch(/^memory: /)
        refused++
      }
    }
    // Any value may be in 40 bytes of the head that are not used, in the five switches, and in 4 bytes behind them. What follows the
    // definition may be changed by any process: see "filters".
    expect(refused).toBe(end - 64)
    for (const slot of [NaN, -1, 0.5, 1024, '1']) {
      expect(() => shop.from({ ...trace.memory, slot: slot as number })).toThrow(/^memory\.slot: /)
    }
    for (const memory of [null, 1, {}, { ring: trace.memory.ring }, trace]) {
      expect(() => shop.from(memory as TraceMemory)).toThrow(/^memory: /)
    }
  })

  test('whose records were overwritten gives fewer events, and no others', () => {
    const trace = shop.open()
    trace.request('/cart', 1, 1)
    const bytes = new Uint8Array(trace.memory.ring)
    const at = Buffer.from(bytes).indexOf('/cart')
    expect(at).toBeGreaterThan(0)
    // The length of the string goes beyond the record.
    bytes[at - 2] = 100
    expect(trace.snapshot()).toEqual([])
  })

  test('is closed by dispose: events record nothing, and do not throw', () => {
    const trace = shop.open()
    trace[Symbol.dispose]()
    trace[Symbol.dispose]()
    expect(trace.request('/', 1, 1)).toBe(false)
    for (const call of [
      () => trace.snapshot(),
      () => trace.events(),
      () => trace.enable('*'),
      () => trace.disable('*'),
    ]) {
      expect(call).toThrow(/dispose/)
    }
  })
})

describe('events of the process', () => {
  const events = defineEvents('own', { ...processEvents, mine: {} })

  test('are recorded without a line of the program, until they are ended', async () => {
    const trace = events.open()
    const found = new Set<string>()
    const end = recordProcess(trace, { loopDelayMs: 1, channels: ['rseq:test', 'rseq:other'] })
    channel('rseq:test').publish({ name: 'a', list: [1, 2], deep: { deeper: {} } })
    const worker = new Worker('process.exit(3)', { eval: true })
    await once(worker, 'exit')
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    while (!['gc', 'loopDelay', 'worker', 'channel'].every((name) => found.has(name))) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 1))
      for (const { event } of trace.snapshot()) found.add(event)
    }
    end()
    channel('rseq:test').publish('after the end')
    const seen = trace.snapshot()
    expect(seen.filter(({ event }) => event === 'channel').map(({ values }) => values)).toEqual([
      { channel: 'rseq:test', message: "{ name: 'a', list: [ 1, 2 ], deep: { deeper: {} } }" },
    ])
    const states = seen
      .filter(({ event }) => event === 'worker')
      .map(({ values }) => [values['state'], values['code']])
    expect(states).toEqual([
      ['started', 0],
      ['ended', 3],
    ])
    const collections = seen.filter(({ event }) => event === 'gc')
    expect(collections.every(({ values }) => Number(values['ms']) >= 0 && Number(values['ago']) > -1)).toBe(
      true,
    )
    expect(collections.some(({ values }) => values['kind'] === 'major')).toBe(true)
    expect(seen.filter(({ misfit }) => misfit)).toEqual([])
  })

  test('need the definitions of their events', () => {
    const other = defineEvents('other', { mine: {} }).open()
    expect(() => recordProcess(other as unknown as ProcessTrace)).toThrow(/^trace: .*it lacks gc/)
    const record = (options: object): (() => unknown) => {
      return () => recordProcess(events.open(), options)
    }
    expect(record({ loopDelayMs: -1 })).toThrow(/^loopDelayMs: /)
    expect(record({ gc: 1 })).toThrow(/^gc: /)
    expect(record({ channels: 'http' })).toThrow(/^channels: /)
    expect(record({ chanels: [] })).toThrow(/did you mean 'channels'/)
  })
})

test('a mistake in the events is an error that names it', () => {
  const define = (events: unknown): (() => unknown) => {
    return () => defineEvents('shop', events as Parameters<typeof defineEvents>[1])
  }
  expect(define({ a: { fields: { x: 'u33' } } })).toThrow(/^a\.fields\.x: expected a type.*got 'u33'/)
  expect(define({ a: { fields: { x: 'enum' } } })).toThrow(/^a\.fields\.x: /)
  expect(define({ a: { fields: { x: { type: 'u8', most: 3 } } } })).toThrow(/^a\.fields\.x\.type: /)
  expect(define({ a: { fields: { x: { enum: ['a', 'a'] } } } })).toThrow(/different texts/)
  expect(define({ a: { fields: { x: { enum: ['a\n'] } } } })).toThrow(/control character/)
  const holes: string[] = []
  holes[1] = 'b'
  expect(define({ a: { fields: { x: { enum: holes } } } })).toThrow(/^a\.fields\.x\.enum: /)
  expect(define({ a: { fields: { 'x y': 'u8' } } })).toThrow(/^a\.fields: expected a name/)
  expect(define({ a: { feilds: {} } })).toThrow(/did you mean 'fields'/)
  expect(define({ a: { end: {} } })).toThrow(/^a\.end: /)
  expect(define({ a: { level: 'loud' } })).toThrow(/^a\.level: /)
  expect(define({ snapshot: {} })).toThrow(/a name of its own|another name/)
  expect(define({ 'a b': {} })).toThrow(/^events: expected a name/)
  expect(define({})).toThrow(/^events: expected 1 to 1000/)
  expect(
    define({ a: { fields: Object.fromEntries(Array.from('abcdefghi', (name) => [name, 'u8'])) } }),
  ).toThrow(/^a\.fields: expected at most 8/)
  expect(define({ a: { fields: { x: { type: 'string', most: 4096 } } } })).toThrow(
    /^a: expected fields of at most/,
  )
  expect(() => defineEvents('a b', { a: {} })).toThrow(/^name: /)
  const big = defineEvents('big', { a: { fields: { x: { type: 'string', most: 4000 } } } })
  expect(() => big.open({ bytesPerCpu: 4096 })).toThrow(/^bytesPerCpu: /)
  expect(() => big.open({ polcy: 'discard' } as object)).toThrow(/did you mean 'policy'/)
})

test('no code is generated: it runs where that is forbidden', () => {
  const url = new URL('../../lib/trace/index.js', import.meta.url).href
  const program = `
    import { defineEvents } from ${JSON.stringify(url)}
    const trace = defineEvents('x', { a: { fields: { s: 'string', n: 'f64' } } }).open()
    trace.a('text', 1)
    trace.a({ s: 'text', n: 2 })
    console.log(trace.snapshot().length)`
  const args = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', program]
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('2\n')
})

test('a trace and its definition can be looked at', () => {
  const trace = shop.open()
  expect(String(shop)).toContain('request (info): url, bytes, ms')
  expect(shop.toJSON()).toMatchObject({ name: 'shop' })
  expect(JSON.parse(JSON.stringify(trace))).toMatchObject({ name: 'shop', policy: 'overwrite', dropped: 0 })
  expect(String(trace)).toMatch(/^TraceCore \{/)
})
