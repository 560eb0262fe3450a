// In each round, the contenders run one after the other, each for a slice of time. A disturbance of the machine that lasts
// for a while then affects all contenders, and the ratios within one round stay right.
import { median, spread } from './statistics.mjs'
import { SOLOISTS } from './team.mjs'

/** Milliseconds of a slice, by number of workers. If more workers share a CPU, a longer slice gives each worker its turns. */
const SLICES = { 1: 4, 2: 16, 4: 32, 8: 48 }
const QUICK_SLICE = 1

/** If the threads got a smaller part of the CPUs than this, another program ran during the slice. */
const FULL_COVERAGE = 0.85
/** The most attempts at a slice in one round while the machine is busy. The attempt with the highest coverage counts. */
const TRIES = 3
/**
 * The cost of this contender shows how fast the CPU was in a round. If it is SLOW_CPU times its best cost, the round is slow
 * and does not count: a virtual CPU may share its core with another virtual machine. While that machine works, every
 * contender takes up to twice as long, but not by the same factor, so the ratios are wrong.
 */
const GAUGE = 'empty-loop x1'
const SLOW_CPU = 1.2

/** Samples are dropped only if at least this share of them stays. */
const LEAST_LEFT = 0.2
/** If a cost exceeds the contender's median by this factor, another program has disturbed the slice. */
const OUTLIER = 2

/** Returns each contender with each of its numbers of workers. */
function stepsOf(contenders) {
  return contenders.flatMap((contender) => contender.workers.map((members) => ({ contender, members })))
}

function keyOf(name, members) {
  return `${name} x${members}`
}

/** Runs one slice, and repeats it if other programs used the CPUs. */
async function runStep(teams, { contender, members }, quick, turn) {
  const team = teams.get(contender.tier)
  let best = null
  for (let attempt = 0; attempt < (quick ? 1 : TRIES); attempt++) {
    const sample = await team.run(contender.name, members, quick ? QUICK_SLICE : SLICES[members], turn)
    // These threads sleep on purpose, so their coverage does not show other programs. Their throughput is by elapsed time.
    if (contender.sleeps && members > 1) return { ...sample, coverage: 1, throughput: sample.rate }
    if (best === null || sample.coverage > best.coverage) best = sample
    // A single thread needs only half a slice.
    if (members === 1 || best.coverage >= FULL_COVERAGE) break
  }
  return best
}

/** The results of the rounds: samples by contender and workers, one for each round. */
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

  /** Drops the samples that other programs or other virtual machines disturbed, unless too few would remain. */
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

  /** Returns the sample of a round; null if the sample was disturbed, undefined if the round has none. */
  in(round, name, members) {
    return this.#samples.get(keyOf(name, members))?.[round]
  }

  /** Returns the samples that were not disturbed. */
  of(name, members) {
    return (this.#samples.get(keyOf(name, members)) ?? []).filter((sample) => sample !== null)
  }

  /** Returns {cost, throughput, coverage, fastShare}: the spread of the cost, and the medians of the others. */
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

/** How often the benchmark starts all threads anew, so that the effect of their addresses (see SOLOISTS) averages out. */
const STARTS = 3

/** Lets each thread compile the contenders that it will run. */
async function warmUp(teams, steps, quick) {
  for (const step of steps) {
    const turns = quick || step.members > 1 ? 1 : SOLOISTS
    for (let turn = 0; turn < turns; turn++) await runStep(teams, step, true, turn)
  }
}

/**
 * Runs rounds until the time is over. Each start of the threads gets an equal share of the time, and warms up before that.
 *
 * @param start - starts the teams and returns them by tier.
 * @param progress - a function that is called with the completed share of the work, 0 to 1.
 */
export async function runRounds(contenders, start, { seconds, quick, progress }) {
  const steps = stepsOf(contenders)
  const samples = new Samples()
  const starts = quick ? 1 : STARTS
  const leastRounds = 2
  let rounds = 0
  for (let begun = 0; begun < starts; begun++) {
    const teams = await start()
    // Each start compiles the contenders in another order, so that V8 puts their code at other addresses.
    const first = Math.floor((begun * steps.length) / starts)
    await warmUp(teams, [...steps.slice(first), ...steps.slice(0, first)], quick)
    const begin = performance.now()
    for (let share = 0, own = 0; share < 1 || own < leastRounds; own++, rounds++) {
      // Every second round runs backwards, so that the contender before a contender changes.
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
