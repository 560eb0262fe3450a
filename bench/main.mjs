// npm run bench -- [--check] [--json FILE] [--chart] [--quick] [--only NAME] [--seconds N] [--node PATH]
//
// Every tier, peer and limit in one run, interleaved in many short rounds. docs/performance.md says how to read it.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import cliProgress from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import { info } from '../lib/index.js'
import { contenders as all } from './contenders.mjs'
import { machine } from './machine.mjs'
import { runUnder } from './other-node.mjs'
import { textOf } from './report.mjs'
import { runRounds } from './rounds.mjs'
import { startTeams } from './team.mjs'
import { contendersOfRows, judge } from './verdicts.mjs'

function positive(text) {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('expected a number above 0')
  return value
}

/** Checks that the argument is a part of some contender's name. */
function partOfName(text) {
  if (all.some(({ name }) => name.includes(text))) return text
  throw new InvalidArgumentError(`expected a part of one of ${all.map(({ name }) => name).join(', ')}`)
}

const options = new Command('bench')
  .description('Measures the ways to count, and holds the library against what it promises.')
  .option('--check', 'measure only what the promises need; exit status 1 if one is missed')
  .option('--only <name>', 'measure only contenders whose name has this in it', partOfName)
  .option('--seconds <n>', 'how long the rounds go on', positive, 75)
  .option('--json <file>', 'write the results as JSON; - is the standard output, and then nothing else is')
  .option('--chart', 'draw docs/scaling.svg')
  .option('--quick', 'two rounds of a millisecond: to see that it runs, not to measure')
  .option('--node <path>', 'run it under another Node: a copy of the package is built for it')
  .parse()
  .opts()

function wanted() {
  if (options.only !== undefined) return all.filter(({ name }) => name.includes(options.only))
  return options.check ? contendersOfRows(all) : all
}

/** Shows a progress bar if standard error is a terminal. */
function progressBar() {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage} %',
    clearOnComplete: true,
    stream: process.stderr,
  })
  bar.start(1, 0)
  return bar
}

async function measure() {
  const contenders = wanted()
  const bar = progressBar()
  const start = performance.now()
  const progress = (share) => bar.update(share)
  const measured = await runRounds(contenders, () => startTeams(contenders, options.quick), {
    ...options,
    progress,
  }).finally(() => bar.stop())
  const isFull = !options.check && options.only === undefined
  return {
    machine: machine(),
    rounds: measured.rounds,
    slowRounds: measured.samples.slowRounds,
    seconds: (performance.now() - start) / 1000,
    contenders: contenders.map(({ name, title, tier, workers }) => ({
      ...{ name, title, tier },
      results: workers.map((count) => ({ workers: count, ...measured.samples.summary(name, count) })),
    })),
    // Loaded after the rounds, so that it does not disturb them.
    occasional: isFull ? await (await import('./occasional.mjs')).measureOccasional(options) : [],
    verdicts: judge(measured),
  }
}

async function main() {
  if (options.node !== undefined) return runUnder(options.node)
  const { tier, reason } = info()
  if (tier !== 'fast') {
    console.error(`bench: the fast tier is not to be had here (${reason ?? `the tier is ${tier}`})`)
    return 1
  }
  const results = await measure()
  if (options.json !== '-') console.log(textOf(results))
  if (options.json !== undefined) {
    writeFileSync(options.json === '-' ? 1 : options.json, `${JSON.stringify(results, null, 2)}\n`)
  }
  if (options.chart) {
    const { drawScaling } = await import('./chart.mjs')
    writeFileSync(fileURLToPath(new URL('../docs/scaling.svg', import.meta.url)), drawScaling(results))
  }
  return options.check && results.verdicts.some(({ isHeld }) => !isHeld) ? 1 : 0
}

process.exitCode = await main()
