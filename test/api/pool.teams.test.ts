/** A pool whose blocks one worker takes and another gives back. What all structures of tokens promise is in `tokens.teams`. */
import { expect, test } from 'vitest'
import { PerCpuPool } from '../../lib/index.js'
import { Team } from '../support/team.mjs'
import { pinnedTo } from '../support/team-ways.js'

// More blocks go through than there are, by far: none may stay where only the other thread's CPU finds it.
test.each([
  [{ cpu: [0, 0] }, 4],
  [{ cpu: [0, 1] }, 4],
  [{ cpu: [0, 1] }, 64],
])('one worker takes, another gives back: %o, caches of %d', async ({ cpu }, cache) => {
  const blocks = 6000
  const slots = new Int32Array(new SharedArrayBuffer(4 * 32))
  const positions = new Int32Array(new SharedArrayBuffer(8))
  const pool = new PerCpuPool({ blocks: slots.length + 1, blockSize: 8, cache, checked: true })
  const pin = pinnedTo(2)
  const team = await Team.lineUp<null, { wrong: number }>('pool-hander', 2, {
    data: (i) => ({
      ...{ buffer: pool.buffer, slots, positions, blocks, takes: i === 0 },
      ...pin(cpu[i] ?? 0),
    }),
  })
  expect(await team.run()).toEqual([{ wrong: 0 }, { wrong: 0 }])
  expect(pool.available).toBe(pool.blocks)
})
