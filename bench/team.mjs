// The threads that measure: one team for each tier, which is chosen for a thread when it loads the library.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { sum } from './statistics.mjs'

/** The next message of a worker. Its death is an error here. */
async function messageOf(worker) {
  const [message] = await once(worker, 'message')
  return message
}

/**
 * Threads that contenders of one thread run on, in turn. Where a thread's memory and code lie costs or saves some of them a
 * cycle or two in ten, for as long as it lives: each is one throw of the dice.
 */
export const SOLOISTS = 4

class Team {
  #workers

  constructor(workers) {
    this.#workers = workers
  }

  /** Starts `size` threads whose library has the tier. Null if it is not to be had. */
  static async start(tier, size, quick) {
    const env = { ...process.env, RSEQ_TIER: tier }
    const start = async (member, shared) => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), {
        env,
        workerData: { member, shared, quick },
      })
      return { worker, ...(await messageOf(worker)) }
    }
    // The first makes the structures: they belong to the tier that made them.
    const first = await start(0)
    const others = Array.from({ length: size - 1 }, (_, k) => start(k + 1, first.shared))
    return new Team([first, ...(await Promise.all(others))].map(({ worker }) => worker))
  }

  /**
   * Lets `members` threads run a contender at the same time, for a slice of time: the first ones; or one of
   * the first {@link SOLOISTS}, in turn.
   *
   * `cost` is CPU time for each operation, in nanoseconds: what else the machine does is not counted. Of one thread,
   * that is the median over chunks of some ten microseconds: what now and then comes from outside (an interrupt, another
   * tenant in the core's other half) leaves all but a few as they are. Of several, it is all of their time.
   * `throughput` is operations for each nanosecond that as many CPUs as could be busy would make at this
   * cost. `rate` is operations for each nanosecond that passed. `coverage` is how much of those CPUs the threads got.
   */
  async run(name, members, milliseconds, turn = 0) {
    const first = members === 1 ? turn % Math.min(SOLOISTS, this.#workers.length) : 0
    const barrier = new Int32Array(new SharedArrayBuffer(8))
    const slices = await Promise.all(
      this.#workers.slice(first, first + members).map((worker) => {
        const answer = messageOf(worker)
        worker.postMessage({ name, members, milliseconds, barrier })
        return answer
      }),
    )
    const operations = sum(slices.map((slice) => slice.operations))
    const time = sum(slices.map((slice) => slice.time))
    const cpus = Math.min(members, availableParallelism())
    const wall = Math.max(...slices.map((slice) => slice.wall))
    const fastShare = 1 - sum(slices.map((slice) => slice.slow)) / operations
    const cost = members === 1 ? slices[0].typical : time / operations
    return {
      cost,
      throughput: cpus / cost,
      rate: operations / wall,
      coverage: time / (cpus * wall),
      fastShare,
    }
  }

  async end() {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

/** A team for every tier that the contenders need, by tier. */
export async function startTeams(contenders, quick) {
  const teams = new Map()
  for (const tier of new Set(contenders.map((contender) => contender.tier))) {
    const needed = contenders.filter((contender) => contender.tier === tier)
    const size = Math.max(...needed.flatMap((contender) => contender.workers))
    teams.set(tier, await Team.start(tier, size, quick))
  }
  return teams
}
