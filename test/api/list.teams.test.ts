/** Lists whose nodes many workers push at once. What all structures of tokens promise is in `tokens.teams`. */
import { expect, test } from 'vitest'
import { PerCpuList } from '../../lib/index.js'
import { Team } from '../support/team.mjs'

/** How often 4 workers push a node of some lists with success, all of them each node, and how many nodes are on the lists. */
async function pushAllAtOnce(checked: boolean): Promise<{ accepted: number; onLists: number | string }> {
  const lists = Array.from({ length: 60 }, () => new PerCpuList({ nodes: 16, payloadSize: 8, checked }))
  const team = await Team.lineUp<null, { accepted: number }>('list-pusher', 4, {
    data: () => ({ buffers: lists.map(({ buffer }) => buffer) }),
  })
  const accepted = (await team.run()).reduce((sum, report) => sum + report.accepted, 0)
  try {
    return { accepted, onLists: lists.reduce((sum, list) => sum + new Set(list.drain()).size, 0) }
  } catch (error) {
    return { accepted, onLists: (error as Error).name }
  }
}

test('of workers that push the same node at once, one succeeds', async () => {
  expect(await pushAllAtOnce(true)).toEqual({ accepted: 960, onLists: 960 })
})

test('the control, lists that are not checked, takes it from all of them', async () => {
  expect((await pushAllAtOnce(false)).accepted).toBe(4 * 960)
})
