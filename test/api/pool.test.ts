/** A pool in one thread: the results of its methods, and the arguments that they refuse. */
import { expect, test } from 'vitest'
import { PerCpuPool, PerCpuStack, type PoolOptions, RegionCorruptError, info } from '../../lib/index.js'

const cpus = info().possibleCpus

function takeAll(pool: PerCpuPool): number[] {
  const taken: number[] = []
  for (let block = pool.alloc(); block !== -1; block = pool.alloc()) taken.push(block)
  return taken
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i)
const sorted = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b)

test.each<[PoolOptions]>([
  [{ blocks: 1, blockSize: 1 }],
  [{ blocks: 100, blockSize: 64, cache: 1 }],
  [{ blocks: 1000, blockSize: 100, cache: 3, index: 'concurrency' }],
  [{ blocks: 1000, blockSize: 256, checked: true }],
  [{ blocks: 5000, blockSize: 1 }],
])('%o gives out each block once, and again when it was given back', (options) => {
  const pool = new PerCpuPool(options)
  expect([pool.blocks, pool.blockSize, pool.checked]).toEqual([
    options.blocks,
    options.blockSize,
    options.checked ?? false,
  ])
  expect(pool.cache).toBe(options.cache ?? Math.min(options.blocks, 256))
  for (let round = 0; round < 3; round++) {
    expect(pool.available).toBe(options.blocks)
    const taken = takeAll(pool)
    expect(sorted(taken)).toEqual(upTo(options.blocks))
    expect(pool.alloc()).toBe(-1)
    expect([pool.available, pool.central, ...pool.perCpu()]).toEqual(upTo(cpus + 2).fill(0))
    for (const block of taken) pool.free(block)
  }
})

test('a block keeps its bytes for all objects that open the pool', () => {
  const pool = new PerCpuPool({ blocks: 50, blockSize: 33 })
  const again = PerCpuPool.from(pool.buffer)
  const taken = takeAll(pool)
  for (const block of taken) pool.view(block).fill(block)
  for (const block of taken) {
    expect([...again.view(block)]).toEqual(upTo(33).fill(block))
    expect(again.view(block)).toBe(again.view(block))
    expect(again.view(block)).not.toBe(pool.view(block))
  }
  expect(again.alloc()).toBe(-1)
  again.free(7)
  expect(pool.alloc()).toBe(7)
  expect(pool.view(7)[32]).toBe(7)
})

test('a new pool is zeroes, and takes no more memory than it says', () => {
  const pool = new PerCpuPool({ blocks: 100, blockSize: 100, cache: 10 })
  for (const block of upTo(100)) expect(pool.view(block)).toEqual(new Uint8Array(100))
  const shards = cpus * 128 + Math.ceil((8 * 102) / 128) * 128
  expect(pool.buffer.byteLength).toBeLessThanOrEqual(100 * (128 + 16) + shards + 512)
})

test('flush moves what CPUs have at hand to the central store', () => {
  const pool = new PerCpuPool({ blocks: 100, blockSize: 8 })
  pool.free(pool.alloc())
  const before = pool.perCpu()
  const atHand = before.reduce((sum, count) => sum + count, 0)
  expect(atHand).toBeGreaterThan(0)
  expect(atHand + pool.central).toBe(100)
  const moved = upTo(cpus).map((cpu) => pool.flush(cpu))
  if (info().backend === 'native') {
    expect(moved).toEqual(before)
    expect([pool.central, pool.flush()]).toEqual([100, 0])
    pool.free(pool.alloc())
    expect(pool.flush()).toBeGreaterThan(0)
  } else {
    expect(moved).toEqual(upTo(cpus).fill(0))
  }
  expect(sorted(takeAll(pool))).toEqual(upTo(100))
})

test('a second free is noticed when there are more free numbers than blocks', () => {
  const pool = new PerCpuPool({ blocks: 10, blockSize: 8, cache: 4 })
  expect(() => {
    for (let i = 0; i < 10 + 4 * (cpus + 1); i++) pool.free(3)
  }).toThrow(/^block: all 10 blocks of the pool are free already: 3, or another, was given back twice$/)
})

test('a checked pool names the caller at fault', () => {
  const pool = new PerCpuPool({ blocks: 10, blockSize: 8, checked: true })
  const elsewhere = PerCpuPool.from(pool.buffer)
  expect(elsewhere.checked).toBe(true)
  const block = pool.alloc()
  const view = pool.view(block)
  const fresh = (block + 1) % 10
  const never = `block: expected one that alloc() has given out, got ${fresh}, which was never taken`
  for (const use of ['free', 'view'] as const) expect(() => pool[use](fresh)).toThrow(new RangeError(never))
  elsewhere.free(block)
  expect([...view]).toEqual(upTo(8).fill(0xdb))
  const twice = `block: expected one that alloc() has given out, got ${block}, which was given back already`
  for (const use of ['free', 'view'] as const) {
    expect(() => pool[use](block)).toThrow(new RangeError(twice))
    expect(() => elsewhere[use](block)).toThrow(new RangeError(twice))
  }
  expect(sorted(takeAll(pool))).toEqual(upTo(10))
  expect(pool.view(block)).toBe(view)
})

const foreign = [10, -1, 1.5, NaN, Infinity, 2 ** 32, 2 ** 32 + 1, -0.5]
const noNumbers: unknown[] = [undefined, null, '1', true, 1n, Symbol('s'), {}, [1], { valueOf: () => 1 }]

test.each([false, true])('values that are no blocks are refused, checked: %s', (checked) => {
  const pool = new PerCpuPool({ blocks: 10, blockSize: 8, checked })
  for (const block of takeAll(pool)) pool.view(block)
  for (const use of ['free', 'view'] as const) {
    for (const block of foreign) {
      expect(() => pool[use](block), String(block)).toThrow(RangeError)
      expect(() => pool[use](block)).toThrow(`block: expected an integer from 0 to 9, got ${block}`)
    }
    for (const block of noNumbers) {
      expect(() => pool[use](block as number)).toThrow(TypeError)
      expect(() => pool[use](block as number)).toThrow(/^block: expected an integer from 0 to 9, got /)
    }
  }
  expect(pool.available).toBe(0)
  pool.free(-0)
  expect(pool.alloc()).toBe(0)
})

const good = { blocks: 10, blockSize: 8 }

test.each([
  [
    undefined,
    TypeError,
    /^options: expected an object with any of blocks, blockSize, checked, cache, index, got undefined/,
  ],
  [{ blocks: 10 }, TypeError, /^blockSize: expected an integer from 1 to 1073741824, got undefined/],
  [{ ...good, blocks: 0 }, RangeError, /^blocks: expected an integer from 1 to 268435456, got 0/],
  [{ ...good, blocks: 2 ** 28 + 1 }, RangeError, /^blocks: /],
  [{ ...good, blockSize: '8' }, TypeError, /^blockSize: expected .*, got '8' \(string\)/],
  [{ ...good, blockSize: 0.5 }, RangeError, /^blockSize: /],
  [{ ...good, cache: 0 }, RangeError, /^cache: expected an integer from 1 to 1024, got 0/],
  [{ ...good, cache: null }, TypeError, /^cache: /],
  [{ ...good, checked: 1 }, TypeError, /^checked: expected true or false, got 1/],
  [{ ...good, index: 'node' }, RangeError, /^index: expected 'cpu' or 'concurrency', got 'node'/],
  [{ blocks: 2 ** 28, blockSize: 2 ** 30 }, RangeError, /./],
])('new PerCpuPool(%o) is refused', (options, error, message) => {
  expect(() => new PerCpuPool(options as never)).toThrow(error)
  expect(() => new PerCpuPool(options as never)).toThrow(message)
})

test('from() refuses values that are no pools', () => {
  const open = (buffer: unknown) => () => PerCpuPool.from(buffer as SharedArrayBuffer)
  for (const value of [undefined, {}, new ArrayBuffer(1000)]) expect(open(value)).toThrow(TypeError)
  expect(open(new SharedArrayBuffer(1000))).toThrow(/^buffer: .*was not made by rseq/)
  expect(open(new PerCpuStack(4).buffer)).toThrow(/^buffer: .*holds a PerCpuStack;/)
  const { buffer } = new PerCpuPool(good)
  expect(() => PerCpuStack.from(buffer)).toThrow(/^buffer: .*holds a PerCpuPool;/)
  expect(open(buffer.slice(0, buffer.byteLength - 300))).toThrow(/^buffer: .*too short/)
})

test('no CPU but those that there are is flushed', () => {
  const pool = new PerCpuPool(good)
  for (const cpu of [-1, cpus, 0.5])
    expect(() => pool.flush(cpu)).toThrow(/^cpu: expected an integer from 0 to /)
  expect(() => pool.flush('0' as never)).toThrow(TypeError)
})

test('a checked pool that cannot take a block back leaves it and its bytes to the caller', () => {
  const pool = new PerCpuPool({ blocks: 4, blockSize: 8, checked: true })
  const block = pool.alloc()
  pool.view(block).fill(120)
  const header = new Uint32Array(pool.buffer)
  const [shards, stride, firstShard] = [header[6], header[8], header[9]] as [number, number, number]
  const central = new BigInt64Array(pool.buffer, firstShard + shards * stride, 1)
  const count = central[0] as bigint
  for (const scribble of [4n, 5n, -1n]) {
    central[0] = scribble
    expect(() => {
      pool.free(block)
    }).toThrow(RegionCorruptError)
    expect(pool.view(block)).toEqual(new Uint8Array(8).fill(120))
  }
  central[0] = count
  pool.free(block)
  expect(pool.available).toBe(4)
})
