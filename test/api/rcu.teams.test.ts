/** Rcu in many threads: what a reader may see, and readers that end inside a read. */
import { describe, expect, test } from 'vitest'
import { Rcu, info } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { Team } from '../support/team.mjs'

const READERS = 3
const LENGTH = 64
const BLOCKS = 2

const words = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length))

/** Publishes so many times while others read. Returns how many reads met memory that was used again. */
async function torture(turns: number, careless: boolean): Promise<number> {
  const { buffer } = new Rcu()
  const blocks = words(BLOCKS * LENGTH)
  const shared = { buffer, index: words(1), blocks, length: LENGTH, reads: words(READERS) }
  const readers = await Team.lineUp<null, number>('rcu-user', READERS, {
    data: (slot) => ({ ...shared, slot }),
  })
  const writer = await Team.lineUp<null, number>('rcu-user', 1, {
    data: () => ({ ...shared, turns, careless }),
  })
  readers.go()
  await writer.run()
  readers.stop()
  const wrong = await readers.reports()
  return wrong.reduce((a, b) => a + b, 0)
}

test('no read meets memory that was used again after a grace period', async () => {
  expect(await torture(3000, false)).toBe(0)
})

test('the control, which waits for nobody, lets readers meet it', async () => {
  expect(await goesWrong(3000, async (turns) => (await torture(turns, true)) > 0)).toBe(true)
})

/** Workers that sit in a read each. */
async function sitters(rcu: Rcu, how: string): Promise<{ team: Team; inside: Int32Array }> {
  const inside = words(READERS)
  const team = await Team.lineUp('rcu-sitter', READERS, {
    data: (slot) => ({ buffer: rcu.buffer, inside, slot, how }),
  })
  team.go()
  for (let slot = 0; slot < READERS; slot++) Atomics.wait(inside, slot, 0)
  return { team, inside }
}

function letGo(inside: Int32Array): void {
  for (let slot = 0; slot < READERS; slot++) {
    Atomics.store(inside, slot, 2)
    Atomics.notify(inside, slot)
  }
}

describe('a grace period waits for readers', () => {
  test.each(['unlock', 'dispose', 'exit', 'end'])('which end a read by %s', async (how) => {
    const rcu = new Rcu()
    const { team, inside } = await sitters(rcu, how)
    let isOver = false
    const over = rcu.synchronizeAsync().then(() => {
      isOver = true
    })
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
    expect(isOver).toBe(false)
    letGo(inside)
    if (how !== 'exit') await team.reports()
    await over
    rcu.synchronize()
  })

  test('which are terminated', async () => {
    const rcu = new Rcu()
    const { team } = await sitters(rcu, 'unlock')
    const over = rcu.synchronizeAsync()
    await Promise.all(Array.from({ length: READERS }, (_, i) => team.terminate(i)))
    await over
    rcu.synchronize()
    // Their slots are free again.
    const again = new Rcu({ threads: 1 })
    for (let round = 0; round < 3; round++) {
      const inside = words(1)
      const one = await Team.lineUp('rcu-sitter', 1, {
        data: (slot) => ({ buffer: again.buffer, inside, slot, how: 'unlock' }),
      })
      one.go()
      Atomics.wait(inside, 0, 0)
      await one.terminate(0)
      again.synchronize()
    }
  })
})

test.runIf(info().backend === 'native')('a wait of ten seconds names the reader', async () => {
  const rcu = new Rcu()
  const { team, inside } = await sitters(rcu, 'unlock')
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  const over = rcu.synchronizeAsync()
  const warning = await warned
  expect(warning).toMatchObject({ code: 'RSEQ_LONG_WAIT' })
  expect(warning.message).toMatch(
    /^rcu\.synchronizeAsync\(\) has waited for 10 seconds.*(the worker with the threadId \d+(, )?){3} are inside a read/,
  )
  letGo(inside)
  await team.reports()
  await over
})
