/** A heap in one thread: the results of its methods, and the arguments that they refuse. */
import { describe, expect, test } from 'vitest'
import { type HeapOptions, PerCpuHeap, PerCpuStack, RegionCorruptError, info } from '../../lib/index.js'
import { HEAP_LENGTH, HEAP_PAGE, PAGE_ROW, PageState, pageNumber } from '../../lib/core/heap-classes.js'
import { shardStride } from '../../lib/core/layout.js'
import { makeRandom } from '../chaos/random.mjs'

/** Bytes from one number of a block to the next. */
const UNIT = 2
/** The portable backend makes so many times fewer steps. */
const SLOWER = info().backend === 'native' ? 1 : 8

/** Takes blocks of so many bytes until there is none left. */
function takeAll(heap: PerCpuHeap, bytes: number): number[] {
  const taken: number[] = []
  for (let block = heap.alloc(bytes); block !== -1; block = heap.alloc(bytes)) taken.push(block)
  return taken
}

function freeAll(heap: PerCpuHeap, blocks: readonly number[]): void {
  for (const block of blocks) heap.free(block)
}

/** Fails unless all memory of the heap is free, and in one piece. */
function expectWhole(heap: PerCpuHeap): void {
  const block = heap.alloc(heap.bytes)
  expect(block).toBe(0)
  heap.free(block)
}

/** Whether bytes are all the same. */
function isFilled(bytes: Uint8Array, fill: number): boolean {
  return Buffer.alloc(bytes.length, fill).equals(bytes)
}

/** The largest power of two, up to 64, that divides a number. */
function alignmentOf(bytes: number): number {
  return Math.min(64, bytes & -bytes)
}

describe.each([false, true])('checked: %s', (checked) => {
  const make = (bytes: number): PerCpuHeap => new PerCpuHeap({ bytes, checked })

  test('a block has at least the bytes that were asked for, and at most an eighth more', () => {
    const heap = make(1 << 20)
    const step = checked ? 7 * SLOWER : SLOWER
    let before = 0
    for (let bytes = 1; bytes <= 65536; bytes += bytes < 4096 ? 1 : step) {
      const block = heap.alloc(bytes)
      const size = heap.sizeOf(block)
      const isFine =
        size >= bytes &&
        size <= Math.max(16, 1.125 * bytes) &&
        size >= before &&
        (block * UNIT) % alignmentOf(bytes) === 0
      if (!isFine) throw new Error(`${bytes} bytes: block ${block} has ${size}`)
      before = size
      heap.free(block)
    }
    expect(heap.sizeOf(heap.alloc(0))).toBe(16)
  })

  test('a block longer than 64 KiB is whole pages', () => {
    const heap = make(4 << 20)
    for (const bytes of [65537, 69632, 69633, 100_000, 1 << 20, 4 << 20]) {
      const block = heap.alloc(bytes)
      expect(heap.sizeOf(block)).toBe(Math.ceil(bytes / HEAP_PAGE) * HEAP_PAGE)
      expect((block * UNIT) % HEAP_PAGE).toBe(0)
      heap.free(block)
      // Whatever checks: pages show that they are free.
      expect(() => {
        heap.free(block)
      }).toThrow(/^block: expected a block that alloc\(\) of this heap has given out, got/)
    }
    expectWhole(heap)
  })

  test('a model: no two blocks share a byte, each keeps its bytes, and all memory comes back', () => {
    const heap = make(1 << 20)
    const random = makeRandom(18)
    const upTo = (end: number): number => Math.floor(random() * end)
    const live: { block: number; fill: number }[] = []
    const owners = new Uint8Array(heap.bytes / UNIT)
    let used = 0
    let refused = 0
    const give = (at: number): void => {
      const { block, fill } = live[at] as { block: number; fill: number }
      live[at] = live.at(-1) as { block: number; fill: number }
      live.pop()
      const view = heap.view(block)
      if (!isFilled(view, fill)) throw new Error(`block ${block} was overwritten`)
      owners.fill(0, block, block + view.length / UNIT)
      used -= view.length
      heap.free(block)
    }
    for (let step = 0; step < 8000 / SLOWER; step++) {
      if (live.length > 0 && upTo(100) < 48) {
        give(upTo(live.length))
        continue
      }
      const bytes = [upTo(100), upTo(1000), upTo(9000), upTo(150_000)][Math.min(3, upTo(12) >> 1)] as number
      const block = heap.alloc(bytes)
      if (block === -1) {
        refused++
        // What is not free is in blocks, or in spans with room for blocks of other sizes.
        expect(used).toBeGreaterThan(0)
        give(upTo(live.length))
        continue
      }
      const view = heap.view(block)
      const end = block + view.length / UNIT
      if (!isFilled(owners.subarray(block, end), 0)) throw new Error(`block ${block} is taken`)
      owners.fill(1, block, end)
      used += view.length
      expect(used).toBeLessThanOrEqual(heap.bytes)
      const fill = 1 + upTo(255)
      view.fill(fill)
      live.push({ block, fill })
    }
    expect(refused).toBeGreaterThan(0)
    while (live.length > 0) give(live.length - 1)
    expectWhole(heap)
  })

  test('a heap that is full answers -1, and serves blocks of any size again', () => {
    const heap = make(256 << 10)
    for (const bytes of [48, 4096, 17, 60_000, 520, heap.bytes, 3000]) {
      const taken = takeAll(heap, bytes)
      expect(new Set(taken).size).toBe(taken.length)
      const size = heap.sizeOf(taken[0] as number)
      // What is left over at the end of a span is at most an eighth of it; a span has at most 16 pages.
      expect(taken.length * size).toBeGreaterThanOrEqual((heap.bytes * 7) / 8 - 16 * HEAP_PAGE)
      expect(heap.alloc(bytes)).toBe(-1)
      expect(heap.alloc(heap.bytes)).toBe(-1)
      // One that comes back is enough for one more.
      heap.free(taken.pop() as number)
      taken.push(heap.alloc(bytes))
      expect(taken.at(-1)).not.toBe(-1)
      expect(heap.alloc(bytes)).toBe(-1)
      freeAll(heap, taken)
    }
    expectWhole(heap)
    expect(heap.alloc(heap.bytes + 1)).toBe(-1)
    expect(heap.alloc(2 ** 32 - 1)).toBe(-1)
  })

  test('a span that has become empty serves another class, while others are in use', () => {
    const heap = make(256 << 10)
    const taken = takeAll(heap, 64)
    const [kept, given] = [taken.slice(0, taken.length / 4), taken.slice(taken.length / 4)]
    expect(heap.alloc(4096)).toBe(-1)
    freeAll(heap, given)
    const others = takeAll(heap, 4096)
    expect(others.length).toBeGreaterThanOrEqual((heap.bytes / HEAP_PAGE) * 0.7)
    freeAll(heap, [...kept, ...others])
    expectWhole(heap)
  })

  test('all objects on the buffer see one heap', () => {
    const heap = make(1 << 16)
    const again = PerCpuHeap.from(heap.buffer)
    expect([again.bytes, again.checked]).toEqual([1 << 16, checked])
    const block = heap.alloc(100)
    heap.view(block).fill(7)
    expect([...again.view(block)]).toEqual(Array.from({ length: again.sizeOf(block) }, () => 7))
    again.free(block)
    expectWhole(heap)
  })

  test('numbers at which no block begins are refused', () => {
    const heap = make(1 << 18)
    const small = heap.alloc(100)
    const large = heap.alloc(100_000)
    const inSpan = heap.alloc(9000)
    const wrong = [small + 1, large + 1, large + HEAP_PAGE / UNIT, inSpan + HEAP_PAGE / UNIT]
    for (const block of [...wrong, heap.bytes / UNIT - 1]) {
      for (const use of ['free', 'view', 'sizeOf'] as const) {
        expect(() => heap[use](block)).toThrow(
          new RangeError(`block: expected a block that alloc() of this heap has given out, got ${block}`),
        )
      }
    }
    freeAll(heap, [small, large, inSpan])
    expectWhole(heap)
  })

  test('values that are no blocks and no sizes are refused', () => {
    const heap = make(1 << 16)
    const last = heap.bytes / UNIT - 1
    for (const block of [-1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 32, 2 ** 32 + 1, last + 1]) {
      for (const use of ['free', 'view', 'sizeOf'] as const) {
        const expected = `block: expected an integer from 0 to ${last}, got ${block}`
        expect(() => heap[use](block)).toThrow(new RangeError(expected))
      }
    }
    for (const bytes of [-1, 1.5, NaN, Infinity, 2 ** 32]) {
      const expected = `bytes: expected an integer from 0 to 4294967295, got ${bytes}`
      expect(() => heap.alloc(bytes)).toThrow(new RangeError(expected))
    }
    for (const value of [undefined, null, '1', true, 1n, {}, [1], { valueOf: () => 1 }] as never[]) {
      for (const use of ['alloc', 'free', 'view', 'sizeOf'] as const) {
        expect(() => heap[use](value)).toThrow(TypeError)
      }
    }
  })
})

test('a checked heap names the block that is free', () => {
  const heap = new PerCpuHeap({ bytes: 1 << 16, checked: true })
  const elsewhere = PerCpuHeap.from(heap.buffer)
  const [block, other] = [heap.alloc(100), heap.alloc(100)]
  const view = heap.view(block)
  elsewhere.free(block)
  expect([...view]).toEqual(Array.from(view, () => 0xdb))
  const never = other + heap.sizeOf(other) / UNIT
  for (const free of [block, never]) {
    for (const use of ['free', 'view', 'sizeOf'] as const) {
      const expected = `block: expected one that alloc() has given out, got ${free}, which is free`
      expect(() => heap[use](free)).toThrow(new RangeError(expected))
      expect(() => elsewhere[use](free)).toThrow(new RangeError(expected))
    }
  }
  heap.free(other)
  expectWhole(heap)
  expect(heap.view(heap.alloc(heap.bytes)).subarray(0, 64).includes(0xdb)).toBe(true)
})

test.each<[string, (bytes: number) => number | HeapOptions]>([
  ['a number', (bytes) => bytes],
  ['options', (bytes) => ({ bytes })],
])('a new heap from %s is zeros, in whole pages', (_, given) => {
  const heap = new PerCpuHeap(given(100_000))
  expect([heap.bytes, heap.checked]).toEqual([24 * HEAP_PAGE, false])
  const all = heap.view(heap.alloc(heap.bytes))
  expect([all.length, isFilled(all, 0)]).toEqual([24 * HEAP_PAGE, true])
  const shards = (info().possibleCpus + 1) * shardStride(HEAP_LENGTH)
  expect(heap.buffer.byteLength).toBeLessThanOrEqual(24 * (HEAP_PAGE + 64) + shards + 512)
  // The documented memory of a CPU.
  expect(shardStride(HEAP_LENGTH)).toBeLessThanOrEqual(33 << 10)
})

test.each([4095, 0, -1, 1.5, NaN, 2 ** 31 + 1])('a heap cannot have %d bytes', (bytes) => {
  const expected = `bytes: expected an integer from 4096 to 2147483648, got ${bytes}`
  expect(() => new PerCpuHeap(bytes)).toThrow(new RangeError(expected))
  expect(() => new PerCpuHeap({ bytes })).toThrow(new RangeError(expected))
})

test('other arguments of new are refused', () => {
  for (const bytes of ['4096', 4096n, null] as never[]) {
    expect(() => new PerCpuHeap({ bytes })).toThrow(/^bytes: expected an integer/)
  }
  expect(() => new PerCpuHeap({ bytes: 4096, checked: 1 } as never)).toThrow(
    /^checked: expected true or false/,
  )
  expect(() => PerCpuHeap.from(new PerCpuStack(1).buffer)).toThrow(/holds a PerCpuStack/)
})

test('a page that says what cannot be is found, and named', () => {
  const heap = new PerCpuHeap(1 << 16)
  const block = heap.alloc(100)
  const rows = heap.view(block).byteOffset - (heap.bytes / HEAP_PAGE) * PAGE_ROW * 4
  heap.free(block)
  // Page 0 belongs to a span that would begin before it.
  new Int32Array(heap.buffer, rows)[0] = pageNumber(PageState.interior, 9)
  expect(() => takeAll(heap, HEAP_PAGE)).toThrow(RegionCorruptError)
})
