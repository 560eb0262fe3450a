/**
 * The ways in which the team tests of every structure disturb their workers.
 *
 * @module
 */
import { info } from '../../lib/index.js'
import { SUPPORT_FILE, supportOr } from './addon.js'
import { type Team, turn } from './team.mjs'

/** Bounds the wait for a worker's progress; each turn is one of this thread's event loop. */
export const MOST_TURNS = 10_000_000

/** The data with which worker `i` pins itself to one of the first `count` CPUs, in turn; none on the portable backend. */
export function pinnedTo(count: number): (i: number) => Record<string, unknown> {
  const support = info().backend === 'native' ? supportOr(() => undefined as never) : null
  const cpus = (support?.getAffinity(0) ?? []).slice(0, count)
  return (i) => (cpus.length > 0 ? { cpu: cpus[i % cpus.length], supportFile: SUPPORT_FILE } : {})
}

/** The environment of worker `i`: workers with even numbers run on sections, the others on the portable backend. */
export const backendsInTurn = (i: number): Record<string, string> => ({
  RSEQ_BACKEND: i % 2 === 0 ? 'native' : 'portable',
  RSEQ_TIER: '',
})

/** Terminates the workers one after another, each at a moment that is random in its own progress. */
export async function terminateInTurn(
  team: Team<unknown, unknown>,
  workers: number,
  progress: (i: number) => number,
  meanwhile = (): void => undefined,
): Promise<void> {
  const ends: Promise<void>[] = []
  for (let i = 0; i < workers; i++) {
    const moment = 1 + Math.floor(Math.random() * 300)
    for (let turns = 0; progress(i) < moment && turns < MOST_TURNS; turns++) {
      meanwhile()
      await turn()
    }
    ends.push(team.terminate(i))
  }
  await Promise.all(ends)
}
