/** Another CPU's stack: pushed to, popped from, drained, and owned by one thread. */
import { expect, test } from 'vitest'
import { type OwnedStack, PerCpuStack, RegionCorruptError, info, membarrier } from '../../lib/index.js'
import { onSectionsOr } from '../support/machine.js'
import { pinned } from '../support/pinned.js'
import { wordsOfShards } from '../support/shards.js'
import { Team, turn } from '../support/team.mjs'

const CPUS = Array.from({ length: info().possibleCpus }, (_, cpu) => cpu)
/** Bounds the wait for a worker's progress; each turn is one of this thread's event loop. */
const MOST_TURNS = 10_000_000

test('a value that is pushed to a CPU is popped from it', () => {
  const stack = new PerCpuStack(3)
  for (const cpu of CPUS) {
    expect([10, 11, 12, 13].map((value) => stack.pushTo(cpu, value + cpu))).toEqual([true, true, true, false])
  }
  expect(stack.perCpu()).toEqual(CPUS.map(() => 3))
  expect(stack.size).toBe(3 * CPUS.length)
  for (const cpu of CPUS) expect(stack.popFrom(cpu)).toBe(12 + cpu)
  for (const cpu of CPUS) expect([...stack.drain(cpu)]).toEqual([11 + cpu, 10 + cpu])
  for (const cpu of CPUS) expect([stack.popFrom(cpu), stack.drain(cpu).length]).toEqual([undefined, 0])
})

test('draining takes all there is', () => {
  const stack = new PerCpuStack(3)
  expect(stack.drain()).toEqual(new Float64Array(0))
  const pushed = CPUS.flatMap((cpu) => [cpu, -cpu - 1].filter((value) => stack.pushTo(cpu, value)))
  expect([...stack.drain()].toSorted()).toEqual(pushed.toSorted())
  expect(stack.size).toBe(0)
})

test('an owner has a stack for itself', ({ skip }) => {
  pinned(skip, (cpu) => {
    const stack = new PerCpuStack(3)
    stack.push(1)
    // On the portable backend the thread's stack may be another one.
    const own = stack.perCpu().findIndex((size) => size === 1)
    if (info().backend === 'native') expect(own).toBe(cpu)
    const answer = stack.onCpu(own, (owned) => {
      expect([owned.cpu, owned.size, owned.push(2)]).toEqual([own, 2 - 1, true])
      expect(owned.pushMany(Float64Array.of(3, 4))).toBe(1)
      expect(owned.pop()).toBe(3)
      const into = new Float64Array(5)
      expect(owned.popMany(into, 4)).toBe(2)
      expect([...into]).toEqual([2, 1, 0, 0, 0])
      expect([owned.pop(), owned.size]).toEqual([undefined, 0])
      owned.push(5)
      return 'answer'
    })
    expect(answer).toBe('answer')
    expect(stack.pop()).toBe(5)
  })
})

test('where a CPU is stopped, its threads use the overflow stack', ({ skip }) => {
  onSectionsOr(skip)
  pinned(skip, (cpu) => {
    const stack = new PerCpuStack(2)
    stack.push(1)
    stack.onCpu(cpu, () => {
      expect([stack.push(2), stack.overflow, stack.perCpu()[cpu]]).toEqual([true, 1, 1])
      expect([stack.pop(), stack.pop()]).toEqual([2, undefined])
      stack.push(3)
    })
    // Its own first, then what overflowed.
    expect([stack.pop(), stack.pop(), stack.pop()]).toEqual([1, 3, undefined])
  })
})

test('an owner lets go when it throws, and what it had is of no use after', () => {
  const stack = new PerCpuStack(2)
  let kept: OwnedStack | undefined
  const fail = (): never => {
    throw new Error('mine')
  }
  expect(() => stack.onCpu(0, fail)).toThrow('mine')
  stack.onCpu(0, (owned) => (kept = owned))
  for (const use of [() => kept?.push(1), () => kept?.pop(), () => kept?.size]) {
    expect(use).toThrow(/not stopped by this call any more/)
  }
  expect(stack.pushTo(0, 1)).toBe(true)
})

test('an owner cannot stop its stack a second time, but can stop another one', () => {
  const stack = new PerCpuStack(2)
  const other = new PerCpuStack(2)
  stack.onCpu(0, () => {
    for (const again of [() => stack.pushTo(0, 1), () => PerCpuStack.from(stack.buffer).onCpu(0, () => 1)]) {
      expect(again).toThrow(/this thread has stopped the stack of CPU 0 itself/)
    }
    expect(other.pushTo(0, 1)).toBe(true)
    const last = CPUS.length - 1
    if (last > 0) expect(stack.pushTo(last, 1)).toBe(true)
  })
  expect(stack.pushTo(0, 1)).toBe(true)
})

test('owners exclude each other', async () => {
  const stack = new PerCpuStack(2)
  const turns = 2000
  const total = new Int32Array(new SharedArrayBuffer(4))
  const team = await Team.lineUp('stack-owner', 4, { data: () => ({ buffer: stack.buffer, total, turns }) })
  await team.run()
  expect(total[0]).toBe(4 * turns)
})

test('an owner that is terminated does not stop a CPU for ever', async () => {
  const rounds = info().backend === 'native' ? 5 : 1
  for (let round = 0; round < rounds; round++) {
    const stack = new PerCpuStack(4)
    stack.pushTo(0, 1)
    const inside = new Int32Array(new SharedArrayBuffer(4))
    const team = await Team.lineUp('stack-owner', 1, { data: () => ({ buffer: stack.buffer, inside }) })
    team.go()
    for (let turns = 0; Atomics.load(inside, 0) === 0 && turns < MOST_TURNS; turns++) await turn()
    expect(Atomics.load(inside, 0)).toBe(1)
    await team.terminate(0)
    // What it had done as an owner is done, and the next takes over.
    expect([...stack.drain(0)]).toEqual([2, 1])
    expect(stack.pushTo(0, 3)).toBe(true)
  }
})

test('bytes that no stack has are told', ({ skip }) => {
  pinned(skip, () => {
    for (const count of [3n, 2n ** 32n, -1n, -(2n ** 63n)]) {
      const stack = new PerCpuStack(2)
      const words = wordsOfShards(stack)
      for (const shard of words) shard[0] = count
      const uses = [
        () => stack.push(1),
        () => stack.pop(),
        () => stack.size,
        () => stack.popFrom(0),
        () => stack.pushTo(0, 1),
        () => stack.drain(),
      ]
      for (const use of uses) expect(use).toThrow(RegionCorruptError)
    }
  })
})

test('fences', ({ skip }) => {
  if (info().backend === 'portable') {
    expect([membarrier.query(), membarrier.register()]).toEqual([[], false])
    expect(() => {
      membarrier.fence()
    }).toThrow(/portable/)
    return
  }
  const { membarrier: commands } = info().features
  expect(membarrier.query()).toEqual(commands)
  skip(!commands.includes('private_expedited_rseq'), 'the kernel has no fence for sections')
  expect([membarrier.register(), membarrier.register()]).toEqual([true, true])
  membarrier.fence()
  for (const cpu of CPUS) membarrier.fence(cpu)
  expect(() => {
    membarrier.fence(-1)
  }).toThrow(RangeError)
})
