// The project's tests inside emulated machines: other processors, other kernels, other C libraries.
// `npm run test:kernels -- --help`; docs/kernels.md.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import { ensureHostPackages, neededPackages } from './host/packages.mjs'
import { Unavailable } from './host/process.mjs'
import { say, step, steps } from './host/steps.mjs'
import { CPUS } from './machine/boot.mjs'
import { buildLibrary } from './artefacts/payload.mjs'
import { ARCHITECTURES, FLAVOURS, KERNELS, selectMachines } from './machines.mjs'
import { missingPrograms, planFor } from './plan.mjs'
import { exitStatus, summary, writeJson } from './report.mjs'
import { prepareArchitecture, prepareMachine, runMachine } from './run-machine.mjs'

function positive(text) {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError(`expected an integer from 1 on, got ${text}`)
}

const options = new Command('test:kernels')
  .description("Runs the project's tests in emulated machines, and says what each step took.")
  .addOption(new Option('--arch <names...>', 'processors').choices(Object.keys(ARCHITECTURES)))
  .addOption(new Option('--kernel <names...>', 'kernels').choices(Object.keys(KERNELS)))
  .addOption(new Option('--flavour <names...>', 'C libraries').choices(Object.keys(FLAVOURS)))
  .addOption(
    new Option('--ci', 'arm64 and ppc64le on one kernel each').conflicts(['arch', 'kernel', 'flavour']),
  )
  .option('--list', 'print the machines and what each runs, and run nothing')
  .option(
    '--jobs <n>',
    'machines at a time, each with two virtual CPUs',
    positive,
    Math.max(1, Math.floor(availableParallelism() / CPUS)),
  )
  .option('--timeout <seconds>', 'stop a machine after this long', positive, 900)
  .option('--keep', 'keep the root file systems, and print the commands that boot them')
  .option('--json <file>', 'write the results there')
  .parse()
  .opts()

function list(machines) {
  for (const machine of machines) {
    const names = planFor(machine).map(({ name }) => name)
    console.log(`${machine.name}: ${names.join(', ')}`)
  }
  const missing = missingPrograms()
  if (missing.length > 0) console.log(`not in this checkout: ${missing.join(', ')}`)
}

function announce({ name, seconds, results, log }) {
  const failed = results.filter(({ passed }) => !passed).length
  say(seconds, `${name}: ${results.length - failed} passed, ${failed} failed`)
  if (failed === 0 || log === null) return
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-30)
  console.log([...tail, `... all of it: ${log}`].map((line) => `    ${line}`).join('\n'))
}

/** Runs `work` on each number, `jobs` at a time; results by number. */
async function pool(numbers, jobs, work) {
  const results = []
  // The workers share one iterator: each number is taken once.
  const worker = async () => {
    for (const i of numbers) results[i] = await work(i)
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  return results
}

async function main(machines) {
  await step('packages of this machine', () => ensureHostPackages(neededPackages(machines)))
  await step('the library', buildLibrary)
  const shared = new Map()
  for (const { arch } of machines) {
    if (!shared.has(arch)) shared.set(arch, await prepareArchitecture(arch))
  }
  const ready = []
  for (const machine of machines) ready.push(await prepareMachine(machine))
  const outcomes = await pool(machines.keys(), options.jobs, async (i) => {
    const parts = { ...ready[i], shared: shared.get(machines[i].arch) }
    const outcome = await runMachine(machines[i], { ...parts, seconds: options.timeout, keep: options.keep })
    announce(outcome)
    return outcome
  })
  if (options.json !== undefined) writeJson(options.json, outcomes, steps)
  console.log(`\n${summary(outcomes)}`)
  return exitStatus(outcomes)
}

const machines = selectMachines(options)
if (machines.length === 0) {
  console.error(
    'test:kernels: no such machine in the table; with both --kernel and --flavour any pair of the archive is made',
  )
  process.exitCode = 2
} else if (options.list) {
  list(machines)
} else {
  main(machines).then(
    (status) => (process.exitCode = status),
    (error) => {
      console.error(`test:kernels: ${error.message}`)
      process.exitCode = error instanceof Unavailable ? 2 : 1
    },
  )
}
