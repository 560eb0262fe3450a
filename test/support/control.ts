/**
 * The control of the race tests: the same teams add without the protection.
 *
 * @module
 */
import { info } from '../../lib/index.js'
import { SUPPORT_FILE } from './addon.js'
import { Team } from './team.mjs'

export interface ControlOptions {
  /** See `workers/plain-adder.mjs`. */
  how: 'native' | 'javascript'
  workers: number
  adds: number
  spins?: number
  /** CPUs to pin the workers to, in turn. */
  cpus?: readonly number[]
}

const WORDS_PER_LINE = 16
const MOST_ROUNDS = 50

/**
 * Lets a team add without sections and without atomics until it has lost an update.
 *
 * @returns the round in which it did; Infinity if it never did.
 */
export async function roundThatLosesUpdates(options: ControlOptions): Promise<number> {
  const { how, workers, adds, spins = 0, cpus } = options
  const lines = info().possibleCpus
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const words = new BigInt64Array(new SharedArrayBuffer(8 * WORDS_PER_LINE * lines))
    const team = await Team.lineUp('plain-adder', workers, {
      data: (i) => ({ how, words, adds, spins, cpu: cpus?.[i % cpus.length], supportFile: SUPPORT_FILE }),
    })
    await team.run()
    const total = words.reduce((all, word) => all + word, 0n)
    if (total !== BigInt(workers * adds)) return round
  }
  return Infinity
}
