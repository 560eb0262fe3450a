/**
 * A thread of the portable backend that ends between any two stores of an operation on a heap: the next thread finds the heap in
 * order. Each row makes a heap and does one operation; the test lets the operation end at its first store, its second, and so on.
 */
import { expect, test, vi } from 'vitest'
import { HEAP_LENGTH, HEAP_PAGE } from '../lib/core/heap-classes.js'
import { Element, Index, Kind, Status, Writers, regionSize } from '../lib/core/layout.js'
import { PortableBackend } from '../lib/portable/backend.js'

const PAGES = 32
const UNITS_OF_PAGE = HEAP_PAGE / 2
const backend = new PortableBackend()
const { heapAlloc, heapFree } = backend.operations

class Ended extends Error {}

function makeHeap(): { bytes: Uint8Array; handle: unknown } {
  const arena = { units: PAGES, unitSize: HEAP_PAGE, isChecked: false }
  const bytes = new Uint8Array(
    new SharedArrayBuffer(regionSize(Kind.heap, Element.f64, 1, HEAP_LENGTH, arena)),
  )
  const ofHeap = {
    kind: Kind.heap,
    element: Element.f64,
    index: Index.cpu,
    writers: Writers.atomics,
  } as const
  expect(backend.format(bytes, { ...ofHeap, shards: 1, length: HEAP_LENGTH, policy: 0, arena })).toBe(0)
  return { bytes, handle: open(bytes) }
}

function open(bytes: Uint8Array): unknown {
  const opened = backend.open(bytes, Kind.heap)
  if (typeof opened === 'number') throw new Error(`not opened: ${opened}`)
  return opened.handle
}

/** Takes blocks of so many bytes, at most `most`. */
function take(handle: unknown, bytes: number, most = Infinity): number[] {
  const taken: number[] = []
  while (taken.length < most) {
    const block = heapAlloc(handle, bytes)
    if (block === -Status.empty) break
    expect(block).toBeGreaterThanOrEqual(0)
    taken.push(block)
  }
  return taken
}

/** Runs `act`, which ends at store number `last`. Answers whether it did. */
function endAt(last: number, act: () => unknown): boolean {
  const { store } = Atomics
  let stores = 0
  const spy = vi.spyOn(Atomics, 'store').mockImplementation((...given: Parameters<typeof store>) => {
    if (++stores === last) throw new Ended()
    return store(...given)
  })
  try {
    act()
    return false
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    return true
  } finally {
    spy.mockRestore()
  }
}

interface Case {
  /** Blocks that stay taken. */
  held: number[]
  act: () => unknown
  /** The block that the operation puts back. */
  given?: number
}

/** Each operation: the size of its blocks, how many pages are lost with one that is in flight, and how it is prepared. */
const OPERATIONS: [what: string, size: number, lost: number, prepare: (handle: unknown) => Case][] = [
  ['the first block', 2000, 1, (handle) => ({ held: [], act: () => heapAlloc(handle, 2000) })],
  [
    ...(['a block of a span that has some', 100, 1] as const),
    (handle) => ({ held: take(handle, 100, 3), act: () => heapAlloc(handle, 100) }),
  ],
  [
    ...(['the last block of a span', 2048, 1] as const),
    (handle) => ({ held: take(handle, 2048, 1), act: () => heapAlloc(handle, 2048) }),
  ],
  [
    ...(['a block of a new span of several pages', 9000, 5] as const),
    (handle) => ({ held: take(handle, 9000, 4), act: () => heapAlloc(handle, 9000) }),
  ],
  [
    ...(['whole pages', 70_000, 18] as const),
    (handle) => ({ held: take(handle, 100, 3), act: () => heapAlloc(handle, 70_000) }),
  ],
  [
    ...(['whole pages from free runs that are joined', 70_000, 18] as const),
    (handle) => {
      const pages = take(handle, HEAP_PAGE)
      for (const page of pages.slice(2, 24)) expect(heapFree(handle, page)).toBe(Status.ok)
      return { held: [...pages.slice(0, 2), ...pages.slice(24)], act: () => heapAlloc(handle, 70_000) }
    },
  ],
  [
    ...(['the first free block of a full span', 2048, 0] as const),
    (handle) => {
      const [given = 0, ...held] = take(handle, 2048, 4)
      return { held, act: () => heapFree(handle, given), given }
    },
  ],
  [
    ...(['the last taken block of a span, between others of its class', 1024, 0] as const),
    (handle) => {
      const all = take(handle, 1024, 12)
      const [first = 0, given = 0, last = 0] = [all[0], all[4], all[8]]
      for (const block of all) if (![first, given, last].includes(block)) heapFree(handle, block)
      return { held: [first, last], act: () => heapFree(handle, given), given }
    },
  ],
  [
    ...(['whole pages that are put back', 70_000, 0] as const),
    (handle) => {
      const given = heapAlloc(handle, 70_000)
      return { held: take(handle, 100, 3), act: () => heapFree(handle, given), given }
    },
  ],
]

test.each(OPERATIONS)('%s', (_, size, lost, prepare) => {
  let ends = 0
  for (; ; ends++) {
    const { bytes, handle } = makeHeap()
    const { held, act, given } = prepare(handle)
    if (!endAt(ends + 1, act)) break
    const again = open(bytes)
    // Nobody gets what is held: neither as a block of the same size, nor within a page.
    const same = take(again, size)
    expect(new Set(same).size).toBe(same.length)
    for (const block of held) expect(same).not.toContain(block)
    for (const block of same) expect(heapFree(again, block)).toBe(Status.ok)
    const pages = take(again, HEAP_PAGE)
    for (const block of held) expect(pages).not.toContain(block - (block % UNITS_OF_PAGE))
    for (const block of [...pages, ...held]) expect(heapFree(again, block)).toBe(Status.ok)
    // It was put back, or it was not, and can be.
    if (given !== undefined) {
      expect([Status.ok, Status.notOwner, Status.outOfRange]).toContain(heapFree(again, given))
    }
    expect(take(again, HEAP_PAGE).length).toBeGreaterThanOrEqual(PAGES - lost)
  }
  // Without these, nothing was tried.
  expect(ends).toBeGreaterThan(2)
})
