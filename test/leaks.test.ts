/** Objects that are collected release their handles and memory. */
import { expect, test } from 'vitest'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'

interface Dropped {
  most: Record<string, number>
  mostMemory: number
  kept: number
  refusal: string | null
}

interface Leaks {
  baseline: number
  rounds: { handles: number; rss: number }[]
  opened: number
  refusal: string | null
  finally: number
  counted: number
}

test('regions that are dropped give back their handles and their memory', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { result } = await runProgram<Leaks>('leaks', { nodeOptions: ['--expose-gc'] })
  for (const { handles } of result.rounds) expect(handles).toBe(result.baseline)

  // Each round makes 4000 regions of 3 KiB at least. Kept, three rounds would add 36 MiB, and what is
  // around each of them as much again. The first round is the heap's own growth.
  const memory = result.rounds.map(({ rss }) => rss / 2 ** 20)
  expect((memory.at(-1) as number) - (memory[1] as number)).toBeLessThan(30)

  // The table of handles is finite: beyond it there is an error, and none once they are given back.
  expect(result.refusal).toMatch(/too many regions are open in this process; .* PerCpuCounterArray/)
  expect(result.opened).toBeLessThanOrEqual(65_536)
  expect(result.finally).toBe(result.baseline)
  expect(result.counted).toBe(1)
})

test('objects that are dropped within one turn of the event loop exhaust neither handles nor memory', async ({
  skip,
}) => {
  await machineWithSectionsOr(skip)
  const input = { objects: 20_000, pools: 1500 }
  const { result } = await runProgram<Dropped>('dropped', { input })
  // Half of those that are looked for at a time are in use at the most: see environment.h.
  for (const [name, most] of Object.entries(result.most)) expect(most, name).toBeLessThanOrEqual(8192)
  expect(result.mostMemory / 2 ** 20).toBeLessThan(input.pools / 3)
  expect(result.kept).toBe(65_535)
  expect(result.refusal).toMatch(/too many/)
})
