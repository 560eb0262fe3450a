/**
 * Rounds in which seats are filled with threads or processes that count, one of which is killed at random again and again. At the end
 * of a round all are killed; then nobody counts, and the total is judged.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import type { Being, OnReport } from './being.js'
import { type Ledger, type Verdict, judge } from './ledger.js'
import { pause } from './stop.js'

/** The longest round, in milliseconds. */
const ROUND_MS = 2500

/** Those who count, and what they count in. */
export interface Crew {
  readonly seats: number
  /** The greatest pause between two kills, in milliseconds. */
  readonly killEveryMs: number
  readonly ledger: Ledger
  /** The counter that is to be exact. */
  total(): number
  /** Starts somebody who counts on a seat. He reports how much he has counted. */
  start(seat: number, onReport: OnReport): Being
}

/** What is seen on a seat. */
export type SeatState = 'starting' | 'alive' | 'killed' | 'empty'

/** How it stands. */
export class Standing {
  readonly seats: SeatState[]
  kills = 0
  /** What those who count have told by messages: the control. */
  reported = 0
  readonly checks: Verdict[] = []

  constructor(seats: number) {
    this.seats = Array.from({ length: seats }, () => 'empty')
  }

  /** Whether each check found the total right. */
  get exact(): boolean {
    return this.checks.length > 0 && this.checks.every(({ exact }) => exact)
  }
}

/** The seats of a round. */
class Seats {
  readonly #crew: Crew
  readonly #standing: Standing
  readonly #beings = new Map<number, Being>()

  constructor(crew: Crew, standing: Standing) {
    this.#crew = crew
    this.#standing = standing
  }

  fill(seat: number, stop: AbortSignal): Promise<void> {
    let last = 0
    this.#standing.seats[seat] = 'starting'
    const being = this.#crew.start(seat, (count) => {
      this.#standing.reported += count - last
      last = count
    })
    this.#beings.set(seat, being)
    return being.ready(stop).then(() => {
      if (this.#beings.get(seat) === being) this.#standing.seats[seat] = 'alive'
    })
  }

  async kill(seat: number): Promise<void> {
    const being = this.#beings.get(seat)
    if (being === undefined) return
    await being.kill()
    this.#beings.delete(seat)
    this.#standing.seats[seat] = 'killed'
    this.#standing.kills++
  }

  /** Kills all. @throws the first error, when all are dead. */
  async clear(): Promise<void> {
    const ends = await Promise.allSettled([...this.#beings.keys()].map((seat) => this.kill(seat)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
}

async function runRound(crew: Crew, standing: Standing, until: number, stop: AbortSignal): Promise<Verdict> {
  const seats = new Seats(crew, standing)
  try {
    await Promise.all(standing.seats.map((_, seat) => seats.fill(seat, stop)))
    const end = Math.min(until, performance.now() + ROUND_MS)
    do {
      await pause(crew.killEveryMs * Math.random(), stop)
      const seat = Math.floor(Math.random() * crew.seats)
      await seats.kill(seat)
      // Nobody waits until the next one is ready: some are killed while they start. Who ends by himself is noticed when he is to be killed.
      seats.fill(seat, stop).catch(() => undefined)
    } while (performance.now() < end)
  } finally {
    await seats.clear()
  }
  return judge(crew.total(), crew.ledger.sums())
}

/** Runs rounds until a time of `performance.now()`, at least one. @throws Interrupted; Error if one of the crew ended by himself. */
export async function runRounds(
  crew: Crew,
  standing: Standing,
  { until, stop, onCheck }: { until: number; stop: AbortSignal; onCheck: (verdict: Verdict) => void },
): Promise<void> {
  do {
    const verdict = await runRound(crew, standing, until, stop)
    standing.checks.push(verdict)
    onCheck(verdict)
  } while (performance.now() < until)
}
