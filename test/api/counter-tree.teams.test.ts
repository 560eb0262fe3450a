/** Counters with a tree in many threads: the value is exact, and the tree is as accurate as it says. */
import { expect, test } from 'vitest'
import { PerCpuCounterTree } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { Team, turn } from '../support/team.mjs'
import { MOST_TURNS, backendsInTurn, terminateInTurn } from '../support/team-ways.js'
import { deltaOf, sumOfDeltas } from '../support/tree-deltas.mjs'

const WORKERS = 4
const STEP = 64
/** The greatest of the workers' deltas. */
const MOST_DELTA = Math.max(...Array.from({ length: 100 }, (_, i) => Math.abs(deltaOf(i % 2, i))))

const newMade = (workers: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * workers))
const sumOf = (made: Int32Array): number =>
  made.reduce((all, count, slot) => all + sumOfDeltas(slot, count), 0)
const error = (tree: PerCpuCounterTree): number => Math.abs(tree.approximate - tree.value)

test.each([
  ['all on one backend', undefined],
  ['half of them without sections', backendsInTurn],
])('the value is exact, and the tree is as accurate as it says: %s', async (_, env) => {
  const tree = new PerCpuCounterTree({ step: STEP })
  const adds = 50_000
  const made = newMade(WORKERS)
  const team = await Team.lineUp('tree-adder', WORKERS, {
    data: (slot) => ({ buffer: tree.buffer, made, slot, adds }),
    ...(env === undefined ? {} : { env }),
  })
  await team.run()
  expect(tree.value).toBe(sumOf(made))
  expect(error(tree)).toBeLessThan(tree.inaccuracy)
})

test('what the tree knows while another one adds is as accurate as it says', async () => {
  const tree = new PerCpuCounterTree({ step: STEP })
  const made = newMade(1)
  const team = await Team.lineUp('tree-adder', 1, {
    data: (slot) => ({ buffer: tree.buffer, made, slot, adds: 1e9 }),
  })
  team.go()
  // Between two numbers of additions, the sum is at most what one turn of the deltas changes outside of their two sums.
  const apart = 10 * MOST_DELTA + tree.inaccuracy
  let last = 0
  for (let looks = 0, turns = 0; looks < 500 && turns < MOST_TURNS; turns++) {
    const before = Atomics.load(made, 0)
    const { approximate } = tree
    const after = Atomics.load(made, 0) + 1
    expect(approximate).toBeGreaterThan(sumOfDeltas(0, before) - apart)
    expect(approximate).toBeLessThan(sumOfDeltas(0, after) + apart)
    if (approximate !== last) looks++
    last = approximate
    await turn()
  }
  await team.terminate(0)
  expect(last).toBeGreaterThan(0)
})

test('terminated workers leave no error in the tree that adds up', async () => {
  const tree = new PerCpuCounterTree({ step: STEP })
  let least = 0
  let most = 0
  for (let round = 0; round < 4; round++) {
    const made = newMade(WORKERS)
    const team = await Team.lineUp('tree-adder', WORKERS, {
      data: (slot) => ({ buffer: tree.buffer, made, slot, adds: 1e9 }),
    })
    team.go()
    await terminateInTurn(team, WORKERS, (slot) => Atomics.load(made, slot))
    made.forEach((count, slot) => {
      const sums = [sumOfDeltas(slot, count), sumOfDeltas(slot, count + 1)]
      least += Math.min(...sums)
      most += Math.max(...sums)
    })
    expect(tree.value).toBeGreaterThanOrEqual(least)
    expect(tree.value).toBeLessThanOrEqual(most)
    // What the terminated ones may have had in their hands is not more in later rounds.
    expect(error(tree)).toBeLessThan(tree.inaccuracy + WORKERS * MOST_DELTA)
  }
})

test('the control, which carries by a load and a store, becomes wrong without a bound', async () => {
  const isWrong = await goesWrong(20_000, async (adds) => {
    const made = newMade(WORKERS)
    const words = new BigInt64Array(new SharedArrayBuffer(8))
    const team = await Team.lineUp('tree-adder', WORKERS, {
      data: (slot) => ({ buffer: words.buffer, made, slot, adds, plain: true, step: STEP }),
    })
    await team.run()
    return Math.abs(Number(words[0]) - sumOf(made)) > WORKERS * STEP
  })
  expect(isWrong).toBe(true)
})
