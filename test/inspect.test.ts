/** Services that are read from outside: all that the library makes, and all that nobody should have made. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HeaderWord, shardStride } from '../lib/core/layout.js'
import {
  PerCpuArray,
  PerCpuCounterArray,
  PerCpuHistogram,
  PerCpuList,
  PerCpuLock,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  Mutex,
} from '../lib/index.js'
import {
  type ArraySnapshot,
  type ObjectSnapshot,
  ServiceReader,
  findService,
  readService,
  servicesIn,
} from '../lib/inspect/index.js'
import { openShared } from '../lib/shared/index.js'
import { machineWithSectionsOr } from './support/machine.js'
import { timeBytesHere } from './support/record-time.js'
import { Place, WHY_NO_SHM } from './support/shared.js'

/** A directory of a service, with files that hold regions of this process. */
let path: string
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'rseq-inspect-'))
})
afterEach(() => {
  rmSync(path, { recursive: true, force: true })
})

function put(file: string, { buffer }: { buffer: SharedArrayBuffer }): string {
  writeFileSync(join(path, file), new Uint8Array(buffer))
  return join(path, file)
}

function read(): ObjectSnapshot[] {
  return [...readService({ service: 'copy', path }).objects]
}

/** One object of each kind of region, with something in it. */
function putAll(): void {
  const counters = new PerCpuCounterArray(3, { type: 'f64' })
  counters.add(0, 1.5)
  counters.add(2, 2)
  put('times.counters.00000001', counters)
  const stack = new PerCpuStack(10)
  for (const value of [1, 2, 3]) stack.push(value)
  put('values.stack.00000002', stack)
  const list = new PerCpuList({ nodes: 8, payloadSize: 8 })
  for (const node of [3, 5]) list.push(node)
  put('nodes.list.00000003', list)
  const pool = new PerCpuPool({ blocks: 16, blockSize: 100 })
  pool.alloc()
  put('buffers.pool.00000004', pool)
  const ring = new PerCpuRing(1024)
  ring.write(Buffer.from('hello'))
  put('log.ring.00000005', ring)
  const words = new PerCpuArray(4, { element: 'i32' })
  words.add(1, -7)
  put('words.array.00000006', words)
  const mutex = new Mutex()
  mutex.lock()
  put('gate.mutex.00000007', mutex)
  mutex.unlock()
  const lock = new PerCpuLock()
  put('cpus.cpulock.00000008', lock)
  const histogram = new PerCpuHistogram({ highest: 1000, digits: 1 })
  histogram.record(12)
  put('spans.histogram.00000009', histogram)
}

test('what is in a region of each kind', () => {
  putAll()
  const byName = new Map(read().map((object) => [object.name, object]))
  expect([...byName.values()].filter(({ content }) => content === 'unknown')).toEqual([])
  expect(byName.get('times')).toMatchObject({
    content: 'counters',
    element: 'f64',
    total: 3.5,
    values: [1.5, 0, 2],
  })
  expect(byName.get('values')).toMatchObject({ content: 'stack', total: 3, capacity: 10 })
  expect(byName.get('nodes')).toMatchObject({ content: 'list', total: 2, nodes: 8 })
  expect(byName.get('buffers')).toMatchObject({
    content: 'pool',
    total: 15,
    blocks: 16,
    blockSize: 100,
    taken: 1,
  })
  expect(byName.get('log')).toMatchObject({
    content: 'ring',
    policy: 'discard',
    total: 32 + timeBytesHere(),
    dropped: 0,
    reader: null,
  })
  const words = byName.get('words') as ArraySnapshot
  expect(words).toMatchObject({ content: 'array', element: 'i32', length: 4 })
  expect(words.words.reduce((sum, shard) => sum + (shard[1] as number), 0)).toBe(-7)
  expect(byName.get('gate')).toMatchObject({
    content: 'mutex',
    total: 1,
    locks: [{ cpu: null, ownerDied: false, isAwaited: false }],
  })
  expect(byName.get('cpus')).toMatchObject({ content: 'cpuLock', total: 0, locks: [] })
})

test('what is in a histogram, and what is wrong with one', () => {
  const latency = new PerCpuHistogram({ highest: 1_000_000, digits: 3 })
  for (let value = 1; value <= 1000; value++) latency.record(value)
  latency.record(2_000_000)
  const file = put('latency.histogram.00000001', latency)
  const snapshot = latency.snapshot()
  expect(read()).toMatchObject([
    {
      content: 'histogram',
      total: 1001,
      sum: snapshot.sum,
      ...{ min: 1, max: 2_000_000, lowest: 1, highest: 1_000_000, digits: 3 },
      ...{ p50: 501, p90: snapshot.percentile(90), p99: snapshot.percentile(99) },
    },
  ])
  const good = readFileSync(file)
  const [digits, length] = [24, 128 + 7 * 4]
  for (const [at, problem] of [
    [4, 'another layout version'],
    [digits, 'overwritten'],
    [length, 'overwritten'],
    [128, 'not made by rseq'],
  ] as const) {
    const bytes = Buffer.from(good)
    bytes.fill(0x77, at, at + 4)
    writeFileSync(file, bytes)
    expect(read()).toMatchObject([
      { content: 'unknown', problem: expect.stringContaining(problem) as string },
    ])
  }
  writeFileSync(file, good.subarray(0, 200))
  expect(read()).toMatchObject([{ content: 'unknown' }])
})

test('a file that is empty, truncated, foreign, a link, a directory or of a newer layout is a problem of its own', () => {
  const whole = put('a.counter.00000001', new PerCpuCounterArray(1))
  const bytes = readFileSync(whole)
  const newer = Buffer.from(bytes)
  newer.writeUInt32LE(99, 4)
  writeFileSync(join(path, 'b.counter.00000002'), '')
  writeFileSync(join(path, 'c.counter.00000003'), bytes.subarray(0, bytes.length - 200))
  writeFileSync(join(path, 'd.counter.00000004'), Buffer.alloc(500, 7))
  symlinkSync('/etc/passwd', join(path, 'e.counter.00000005'))
  mkdirSync(join(path, 'f.counter.00000006'))
  writeFileSync(join(path, 'g.counter.00000007'), newer)
  const snapshot = readService({ service: 'copy', path })
  const problems = snapshot.objects.map((object) => (object.content === 'unknown' ? object.problem : ''))
  const expected = [
    /^$/,
    /too short/,
    /truncated/,
    /not made by rseq/,
    /cannot be read: ELOOP/,
    /no regular file/,
    /layout version 99/,
  ]
  expected.forEach((pattern, k) => {
    expect(problems[k]).toMatch(pattern)
  })
  expect(snapshot.problems).toEqual(['processes cannot be read: ENOENT'])
  expect(() => JSON.stringify(snapshot)).not.toThrow()
})

test('a huge sparse file costs neither memory nor time', () => {
  const whole = put('a.counters.00000001', new PerCpuCounterArray(1))
  const bytes = readFileSync(whole)
  truncateSync(whole, 2 ** 40)
  expect(read()[0]).toMatchObject({ content: 'counters', total: 0 })
  // A header that says that there are more counters than anybody could read in a day.
  const [length, shards] = [2 ** 28, 2 ** 12]
  const words: [number, number][] = [
    [HeaderWord.length, length],
    [HeaderWord.shards, shards],
    [HeaderWord.allocated, shards],
    [HeaderWord.stride, shardStride(length)],
  ]
  for (const [word, value] of words) bytes.writeUInt32LE(value, 4 * word)
  writeFileSync(whole, bytes)
  truncateSync(whole, (shards + 1) * shardStride(length) + 2 ** 20)
  const [object] = read()
  expect(object?.content === 'unknown' && object.problem).toMatch(/^has \d+ counters to read; the most is/)
})

test('any bytes give a snapshot, and to a reader that keeps files open the one of a new reader', () => {
  putAll()
  const reader = new ServiceReader({ service: 'copy', path })
  const files = read().map(({ file }) => join(path, file))
  const originals = files.map((file) => readFileSync(file))
  let seed = 20_261_129
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  let problems = 0
  for (let round = 0; round < 150; round++) {
    files.forEach((file, k) => {
      const bytes = Buffer.from(originals[k] as Buffer)
      // Half of the changes are in the header, where most checks are.
      for (let change = random(6); change >= 0; change--) {
        const at = random(2) === 0 ? random(64) : random(bytes.length)
        bytes[at] = random(3) === 0 ? 0xff : random(256)
      }
      writeFileSync(file, random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes)
    })
    const objects = read()
    expect(objects).toHaveLength(files.length)
    expect(JSON.stringify(objects)).not.toContain('NaN')
    problems += objects.filter(({ content }) => content === 'unknown').length
    // Another time of the directory makes the reader look for files whose size has changed.
    utimesSync(path, round, round)
    expect(reader.read().objects).toEqual(objects)
  }
  reader.close()
  expect(problems).toBeGreaterThan(100)
})

describe('a reader that looks again and again', () => {
  let reader: ServiceReader
  beforeEach(() => {
    reader = new ServiceReader({ service: 'copy', path })
  })
  afterEach(() => {
    reader.close()
  })

  const seen = (): [string, number | null][] =>
    reader.read().objects.map((object) => [object.name, object.content === 'unknown' ? null : object.total])

  function counter(total: number): PerCpuCounterArray {
    const made = new PerCpuCounterArray(1)
    made.add(0, total)
    return made
  }

  test('sees what was made, removed, replaced, and removed as a whole', () => {
    put('a.counter.00000001', counter(1))
    put('b.counter.00000001', counter(2))
    expect(seen()).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    put('c.counter.00000001', counter(3))
    rmSync(join(path, 'a.counter.00000001'))
    renameSync(put('other', counter(4)), join(path, 'b.counter.00000001'))
    expect(seen()).toEqual([
      ['b', 4],
      ['c', 3],
    ])
    rmSync(path, { recursive: true })
    expect(seen).toThrow(/ENOENT/)
    mkdirSync(path)
    put('b.counter.00000001', counter(5))
    expect(seen()).toEqual([['b', 5]])
  })

  test('sees stores, a header that changes, and a file that is truncated and whole again', () => {
    const file = put('a.counter.00000001', counter(1))
    expect(seen()).toEqual([['a', 1]])
    const whole = new Uint8Array(counter(7).buffer)
    writeFileSync(file, whole)
    expect(seen()).toEqual([['a', 7]])
    truncateSync(file, 200)
    expect(seen()).toEqual([['a', null]])
    writeFileSync(file, whole)
    expect(seen()).toEqual([['a', 7]])
    put('a.counter.00000001', new PerCpuCounterArray(30))
    expect(reader.read().objects[0]).toMatchObject({ length: 30, total: 0 })
  })

  test('closes what it has open', () => {
    put('a.counter.00000001', counter(1))
    const open = (): number => readdirSync('/proc/self/fd').length
    const before = open()
    reader.read()
    expect(open()).toBe(before + 1)
    reader.close()
    expect(open()).toBe(before)
    expect(seen()).toEqual([['a', 1]])
  })

  test('reads more files than a process may have open', () => {
    for (let i = 0; i < 100; i++) put(`a${i}.counter.00000001`, counter(i))
    const inspect = new URL('../lib/inspect/index.js', import.meta.url).href
    const program = `
      const { ServiceReader } = await import(${JSON.stringify(inspect)})
      const reader = new ServiceReader({ service: 'copy', path: ${JSON.stringify(path)} })
      for (let look = 0; look < 2; look++) {
        console.log(reader.read().objects.reduce((sum, { total }) => sum + total, 0))
      }`
    const shell = 'ulimit -n 64 && exec "$@"'
    const node = [process.execPath, '--input-type=module', '--eval', program]
    expect(execFileSync('sh', ['-c', shell, 'sh', ...node], { encoding: 'utf8' })).toBe('4950\n4950\n')
  })
})

describe.skipIf(WHY_NO_SHM !== '')('a service of processes', () => {
  let place: Place
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
  })
  afterEach(async () => {
    await place.end()
  })

  test('shows who lives, and all that is in a copy', async () => {
    const shop = openShared('shop', { directory: place.directory, identity: 'mine' })
    shop.counter('requests').add(42)
    const actor = await place.actor('shop', { identity: 'mine' })
    expect(servicesIn(place.directory)).toEqual(['shop'])
    const found = findService('shop', place.directory)
    const before = readService(found)
    expect(before).toMatchObject({ service: 'shop', identity: 'mine', problems: [] })
    expect(before.processes.map(({ pid, living }) => [pid, living])).toEqual([
      [process.pid, true],
      [actor.pid, true],
    ])
    expect(before.objects).toMatchObject([{ name: 'requests', kind: 'counter', total: 42 }])
    await actor.kill()
    expect(readService(found).processes.map(({ living }) => living)).toEqual([true, false])
    cpSync(shop.path, path, { recursive: true })
    const copy = readService(findService(path))
    expect(copy.processes.map(({ living }) => living)).toEqual([false, false])
    expect(copy.objects).toMatchObject([{ name: 'requests', total: 42 }])
  })

  test('shows who holds blocks and nodes, living or dead', async () => {
    const shop = openShared('shop', { directory: place.directory })
    const [poolOptions, listOptions] = [
      { blocks: 100, blockSize: 64 },
      { nodes: 10, payloadSize: 8 },
    ]
    const [blocks, nodes] = [shop.pool('blocks', poolOptions), shop.list('nodes', listOptions)]
    for (let node = 0; node < 10; node++) if (nodes.adopt(node, 0) && node < 6) nodes.push(node)
    for (let i = 0; i < 7; i++) blocks.alloc()
    blocks.free(blocks.alloc())
    const actor = await place.actor('shop')
    const hold = { pool: poolOptions, list: listOptions, count: 3 }
    const { nodes: popped } = (await actor.ask('hold', hold)) as { nodes: number[] }
    // It finds nodes only if it runs on the CPU on which they were pushed.
    const found = popped.filter((node) => node !== -1).length
    const reader = new ServiceReader(findService('shop', place.directory))
    const held = (): unknown[] =>
      reader
        .read()
        .objects.map((object) => ('holders' in object ? [object.content, object.total, object.holders] : []))
    const mine = (count: number): object => ({ slot: 1, living: true, count })
    const others = (count: number, living: boolean): object[] =>
      count === 0 ? [] : [{ slot: 2, living, count }]
    expect(held()).toEqual([
      ['pool', 90, [mine(7), ...others(3, true)]],
      ['list', 6 - found, [mine(4), ...others(found, true)]],
    ])
    await actor.kill()
    expect(held()).toEqual([
      ['pool', 90, [mine(7), ...others(3, false)]],
      ['list', 6 - found, [mine(4), ...others(found, false)]],
    ])
    blocks.reclaim()
    nodes.reclaim()
    expect(held()).toEqual([
      ['pool', 93, [mine(7)]],
      ['list', 6, [mine(4)]],
    ])
    reader.close()
  })

  test('names the services that there are', () => {
    openShared('shop', { directory: place.directory })
    expect(() => findService('shpo', place.directory)).toThrow(/a service 'shpo' in .* \(there are shop\)/)
  })
})
