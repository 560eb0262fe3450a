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
/** A control needs a moment; this bounds it on a machine that is slow and has other things to do. */
const PATIENCE_MS = 200_000
const LONGEST = 16

/**
 * Repeats a control until something has gone wrong, as it must: whether threads meet is a matter of chance. Each round has
 * twice as many steps as the one before it, up to sixteen times as many: on one CPU, a short round ends before another thread runs.
 *
 * @param round - makes so many steps; true if something went wrong.
 * @returns false if nothing went wrong for minutes.
 */
export async function goesWrong(steps: number, round: (steps: number) => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + PATIENCE_MS
  for (let factor = 1; performance.now() < end; factor = Math.min(2 * factor, LONGEST)) {
    if (await round(factor * steps)) return true
  }
  return false
}

/** Lets a team add without sections and without atomics until it has lost an update. False if it never did. */
export function losesUpdates(options: ControlOptions): Promise<boolean> {
  const { how, workers, spins = 0, cpus } = options
  const lines = info().possibleCpus
  return goesWrong(options.adds, async (adds) => {
    const words = new BigInt64Array(new SharedArrayBuffer(8 * WORDS_PER_LINE * lines))
    const team = await Team.lineUp('plain-adder', workers, {
      data: (i) => ({ how, words, adds, spins, cpu: cpus?.[i % cpus.length], supportFile: SUPPORT_FILE }),
    })
    await team.run()
    const total = words.reduce((all, word) => all + word, 0n)
    return total !== BigInt(workers * adds)
  })
}
