// The rounds: in each, every contender runs for a slice of time, one after the other. What disturbs the
// machine for a while then disturbs all of them, and a ratio within one round is still right.
import { median, spread } from './statistics.mjs'
import { SOLOISTS } from './team.mjs'

/** Milliseconds of a slice, by workers: the more share a CPU, the more turns each should get. */
const SLICES = { 1: 4, 2: 16, 4: 32, 8: 48 }
const QUICK_SLICE = 1

/** Less of the CPUs than this, and another program was running in between. */
const FULL_COVERAGE = 0.85
/** How often a slice is tried in a round when the machine is busy; the one with most coverage counts. */
const TRIES = 3
/**
 * What says how fast the CPU itself was in a round, and how much slower than at its best it may have been.
 * A virtual CPU shares its core with another tenant's: while that one works, everything takes up to twice
 * as long, but not everything as much longer, and ratios are off.
 */
const GAUGE = 'empty-loop x1'
const SLOW_CPU = 1.2

/** Samples are dropped only if this share of them stays. */
const LEAST_LEFT = 0.2
/** A cost so much above the contender's median is another program's doing, not the contender's. */
const OUTLIER = 2

/** Every contender with every number of workers it is measured with. */
function stepsOf(contenders) {
  return contenders.flatMap((contender) => contender.workers.map((members) => ({ contender, members })))
}

function keyOf(name, members) {
  return `${name} x${members}`
}

/** Runs one slice; again, if other programs took the CPUs away. */
async function runStep(teams, { contender, members }, quick, turn) {
  const team = teams.get(contender.tier)
  let best = null
  for (let attempt = 0; attempt < (quick ? 1 : TRIES); attempt++) {
    const sample = await team.run(contender.name, members, quick ? QUICK_SLICE : SLICES[members], turn)
    // Asleep on purpose: what other programs took cannot be told from it, and the real time counts.
    if (contender.sleeps && members > 1) return { ...sample, coverage: 1, throughput: sample.rate }
    if (best === null || sample.coverage > best.coverage) best = sample
    // A thread that runs alone is as fast in half of the time.
    if (members === 1 || best.coverage >= FULL_COVERAGE) break
  }
  return best
}

/** What the rounds saw: samples by contender and workers, one for each round. */
export class Samples {
  #samples = new Map()
  /** Rounds in which the CPU was slow. */
  slowRounds = 0

  add({ contender, members }, sample) {
    const key = keyOf(contender.name, members)
    const samples = this.#samples.get(key) ?? []
    this.#samples.set(key, samples)
    samples.push(sample)
  }

  /** Drops what other programs and other machines on this one disturbed, as long as something is left. */
  finish() {
    this.#dropSlowRounds()
    for (const [key, samples] of this.#samples) {
      const middle = median(samples.filter((sample) => sample !== null).map(({ cost }) => cost))
      const isGood = (sample) =>
        sample !== null &&
        sample.cost <= OUTLIER * middle &&
        (key.endsWith(' x1') || sample.coverage >= FULL_COVERAGE)
      const kept = samples.filter(isGood).length
      const enough = kept >= samples.length * LEAST_LEFT
      this.#samples.set(
        key,
        samples.map((sample) => (enough && !isGood(sample) ? null : sample)),
      )
    }
  }

  #dropSlowRounds() {
    const gauge = this.#samples.get(GAUGE)
    if (gauge === undefined) return
    const { least } = spread(gauge.map(({ cost }) => cost))
    const isSlow = gauge.map(({ cost }) => cost > SLOW_CPU * least)
    this.slowRounds = isSlow.filter(Boolean).length
    if (this.slowRounds > gauge.length * (1 - LEAST_LEFT)) return
    for (const samples of this.#samples.values()) {
      for (const [round, slow] of isSlow.entries()) if (slow) samples[round] = null
    }
  }

  /** The sample of a round; null if it was disturbed, undefined if there is none. */
  in(round, name, members) {
    return this.#samples.get(keyOf(name, members))?.[round]
  }

  /** The samples that are left. */
  of(name, members) {
    return (this.#samples.get(keyOf(name, members)) ?? []).filter((sample) => sample !== null)
  }

  /** Spread of the cost and median of the throughput: {cost, throughput, coverage, fastShare}. */
  summary(name, members) {
    const samples = this.of(name, members)
    const middle = (field) => median(samples.map((sample) => sample[field]))
    return {
      cost: spread(samples.map(({ cost }) => cost)),
      throughput: middle('throughput'),
      coverage: middle('coverage'),
      fastShare: middle('fastShare'),
    }
  }
}

/** How often all threads are started anew: for more throws of the dice than there are soloists. */
const STARTS = 3

/**
 * Runs rounds until the time is over, each start's share of them; one more that warms up is not counted.
 *
 * @param start - starts the teams, by tier.
 * @param progress - called with the share that is done.
 */
export async function runRounds(contenders, start, { seconds, quick, progress }) {
  const steps = stepsOf(contenders)
  const samples = new Samples()
  const starts = quick ? 1 : STARTS
  const leastRounds = 2
  let rounds = 0
  for (let begun = 0; begun < starts; begun++) {
    const teams = await start()
    // Compiled in another order each time, so that V8 puts the code elsewhere.
    const first = Math.floor((begun * steps.length) / starts)
    for (const step of [...steps.slice(first), ...steps.slice(0, first)]) {
      const turns = quick || step.members > 1 ? 1 : SOLOISTS
      for (let turn = 0; turn < turns; turn++) await runStep(teams, step, true, turn)
    }
    const begin = performance.now()
    for (let share = 0, own = 0; share < 1 || own < leastRounds; own++, rounds++) {
      // There and back, so that no contender always follows the same one.
      for (const step of rounds % 2 === 0 ? steps : steps.toReversed()) {
        samples.add(step, await runStep(teams, step, quick, quick ? 0 : rounds))
      }
      share = quick ? 1 : (performance.now() - begin) / ((1000 * seconds) / starts)
      progress((begun + Math.min(1, share)) / starts)
    }
    await Promise.all([...teams.values()].map((team) => team.end()))
  }
  samples.finish()
  return { samples, rounds }
}
