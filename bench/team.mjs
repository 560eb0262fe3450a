// The threads that measure. Each tier has a team of its own, because a thread's tier is fixed when it loads the library.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { sum } from './statistics.mjs'

/** Resolves with the next message of a worker; rejects if the worker fails. */
async function messageOf(worker) {
  const [message] = await once(worker, 'message')
  return message
}

/**
 * How many threads the contenders of one thread use in turn. The addresses of a thread's memory and code change the cost of
 * some contenders by one or two cycles in ten, as long as the thread lives; several threads average that out.
 */
export const SOLOISTS = 4

class Team {
  #workers

  constructor(workers) {
    this.#workers = workers
  }

  /** Starts `size` threads whose library uses the tier. Null if the tier is not available. */
  static async start(tier, size, quick) {
    const env = { ...process.env, RSEQ_TIER: tier }
    const start = async (member, shared) => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), {
        env,
        workerData: { member, shared, quick },
      })
      return { worker, ...(await messageOf(worker)) }
    }
    // The first thread makes the structures, because they belong to the tier that made them.
    const first = await start(0)
    const others = Array.from({ length: size - 1 }, (_, k) => start(k + 1, first.shared))
    return new Team([first, ...(await Promise.all(others))].map(({ worker }) => worker))
  }

  /**
   * Lets the first `members` threads run a contender at the same time for a slice of time. If `members` is 1, the first
   * {@link SOLOISTS} threads take turns.
   *
   * `cost`: the CPU time of an operation in nanoseconds, which excludes the work of other programs. For one thread it is the
   * median over chunks of some ten microseconds, because an interrupt or another virtual machine on the core disturbs only a
   * few chunks. For several threads it is their total CPU time divided by the number of operations.
   * `throughput`: the operations per nanosecond that the CPUs would make at this cost if the threads kept them busy.
   * `rate`: the operations per nanosecond of elapsed time.
   * `coverage`: the part of those CPUs' time that the threads got.
   * `fastShare`: the part of the operations that V8 called the fast way.
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

/** Starts a team for each tier that the contenders need, and returns the teams by tier. */
export async function startTeams(contenders, quick) {
  const teams = new Map()
  for (const tier of new Set(contenders.map((contender) => contender.tier))) {
    const needed = contenders.filter((contender) => contender.tier === tier)
    const size = Math.max(...needed.flatMap((contender) => contender.workers))
    teams.set(tier, await Team.start(tier, size, quick))
  }
  return teams
}
