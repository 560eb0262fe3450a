/** Workers that take blocks of a heap and free each other's: no block has two owners, and all memory comes back. */
import { expect, test } from 'vitest'
import { PerCpuHeap, info } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { handOver, isUnharmed, unclaim } from '../support/heap-blocks.mjs'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { PlainHeap } from '../support/plain-heap.mjs'
import { Team } from '../support/team.mjs'
import { backendsInTurn, pinnedTo, terminateInTurn } from '../support/team-ways.js'

const UNIT = 2
const PAGE = 4096
/** The most pages of a span. */
const SPAN = 16

interface Report {
  steps: number
  twice: number
  overwritten: number
  none: number
}

/** What the workers share: a heap, who has each of its blocks, and slots for blocks on their way to another worker. */
function share(bytes: number, checked = false, slots = 64) {
  const heap = new PerCpuHeap({ bytes, checked })
  const owners = new Int32Array(new SharedArrayBuffer((4 * heap.bytes) / UNIT))
  return { heap, owners, slots: new Int32Array(new SharedArrayBuffer(4 * slots)) }
}

type Shared = ReturnType<typeof share>

function lineUp(
  { heap, owners, slots }: Shared,
  workers: number,
  data: (i: number) => Record<string, unknown>,
  env?: (i: number) => Record<string, string>,
): Promise<Team<null, Report>> {
  return Team.lineUp<null, Report>('heap-user', workers, {
    data: (i) => ({ buffer: heap.buffer, owners, slots, who: i + 1, ...data(i) }),
    ...(env ? { env } : {}),
  })
}

/** Frees what has an owner, after looking at its bytes. Answers how many blocks were overwritten. */
function freeAll({ heap, owners }: Shared): number {
  let overwritten = 0
  owners.forEach((who, block) => {
    if (who === 0) return
    if (!isUnharmed(heap, owners, block)) overwritten++
    unclaim(owners, block)
    heap.free(block)
  })
  return overwritten
}

/** Takes all pages, one by one, and answers how many there were. */
function countPages(heap: PerCpuHeap): number {
  let pages = 0
  while (heap.alloc(PAGE) !== -1) pages++
  return pages
}

test.each([
  [2, 8000, 16 << 20, false],
  [8, 2000, 16 << 20, false],
  // Too small for all: threads that find nothing fetch what the caches of all CPUs have.
  [8, 1500, 64 << 10, false],
  [8, 1000, 64 << 10, true],
  [32, 300, 4 << 20, false],
])('%d workers, %d steps each, a heap of %d bytes, checked: %s', async (workers, steps, bytes, checked) => {
  const shared = share(bytes, checked)
  const team = await lineUp(shared, workers, () => ({ steps }))
  let none = 0
  for (const one of await team.run()) {
    expect(one).toMatchObject({ steps, twice: 0, overwritten: 0 })
    none += one.none
  }
  expect(none > 0).toBe(bytes < 1 << 20)
  expect(freeAll(shared)).toBe(0)
  expect(shared.heap.alloc(shared.heap.bytes)).toBe(0)
})

test.each([1, 2])('8 workers pinned to %d CPUs', async (count) => {
  const shared = share(1 << 20)
  const pin = pinnedTo(count)
  const team = await lineUp(shared, 8, (i) => ({ steps: 1000, ...pin(i) }))
  for (const one of await team.run()) expect(one).toMatchObject({ twice: 0, overwritten: 0 })
  expect(freeAll(shared)).toBe(0)
  expect(shared.heap.alloc(shared.heap.bytes)).toBe(0)
})

// What a worker has taken has its number in `owners`. One block may be lost that it was about to note, or had noted as free.
test.each([false, true])(
  'terminated workers lose what they had in flight, and no more; checked: %s',
  async (checked) => {
    // A dead owner is seen at once, but by the portable backend, where a lease has to end.
    const rounds = info().backend === 'native' ? 6 : 2
    for (let round = 0; round < rounds; round++) {
      const workers = 4
      const shared = share(512 << 10, checked)
      const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
      const team = await lineUp(shared, workers, () => ({ progress }))
      team.go()
      await terminateInTurn(team, workers, (i) => Atomics.load(progress, i + 1))
      expect(Math.min(...progress.subarray(1))).toBeGreaterThan(0)
      // A worker may have ended before it had filled its block.
      expect(freeAll(shared)).toBeLessThanOrEqual(workers)
      const pages = shared.heap.bytes / PAGE
      expect(countPages(shared.heap)).toBeGreaterThanOrEqual(pages - workers * SPAN)
    }
  },
)

test('workers on both backends use one heap', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  onSectionsOr(skip)
  const shared = share(16 << 20)
  const team = await lineUp(shared, 4, () => ({ steps: 1500 }), backendsInTurn)
  for (const one of await team.run()) expect(one).toMatchObject({ twice: 0, overwritten: 0, none: 0 })
  expect(freeAll(shared)).toBe(0)
  expect(shared.heap.alloc(shared.heap.bytes)).toBe(0)
})

// Without these the tests above would prove nothing.
test('the control, a heap of plain loads and stores, gives one block to two owners', async () => {
  const isWrong = goesWrong(4000, async (steps) => {
    const blocks = 64
    const buffer = PlainHeap.bufferOf(blocks)
    const owners = new Int32Array(new SharedArrayBuffer((4 * buffer.byteLength) / UNIT))
    const slots = new Int32Array(new SharedArrayBuffer(4 * 8))
    const team = await Team.lineUp<null, Report>('heap-user', 2, {
      data: (i) => ({ buffer, owners, slots, who: i + 1, steps, plain: true }),
    })
    return (await team.run()).some(({ twice, overwritten }) => twice + overwritten > 0)
  })
  expect(await isWrong).toBe(true)
})

test('the control, bytes of somebody else, and a block that is kept, are seen', () => {
  const shared = share(1 << 16)
  const { heap, owners, slots } = shared
  const block = heap.alloc(100)
  owners[block] = 1
  heap.view(block).fill(0xff)
  expect(handOver(slots, 3, block)).toBe(-1)
  expect(handOver(slots, 3, -1)).toBe(block)
  expect(freeAll(shared)).toBe(1)
  const kept = heap.alloc(100)
  expect(heap.alloc(heap.bytes)).toBe(-1)
  expect(countPages(heap)).toBe(15)
  heap.free(kept)
})
