// Builds the stress programs of native/test and runs them in many combinations; `--help` for its options.
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { longMatrix, shortMatrix } from './stress-matrix.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const PROGRAMS = ['stress', 'stress-delays', 'stress-compare-twice']
/** Milliseconds. A run takes about a second; a run that hangs must not stop the others. */
const PATIENCE_MS = 300_000

const options = new Command('stress')
  .description('Many threads on per-CPU data, interrupted in every way there is: the totals must be exact')
  .option('--short', 'every structure twice, in some seconds, instead of every combination')
  .option('--only <text>', 'only runs whose command line contains this, e.g. "--test lock"', '')
  .option('--every <n>', 'only every nth run', '1')
  .option('--list', 'print the command lines and run nothing')
  .parse()
  .opts()

const runs = (options.short ? shortMatrix() : longMatrix())
  .map(({ program, args }) => ({ program, args, line: [program, ...args].join(' ') }))
  .filter(({ line }) => line.includes(options.only))
  .filter((_, i) => i % Number(options.every) === 0)

/** Runs one combination, and returns its result. */
function run({ program, args }) {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'build/native-test', program), [...args, '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
    })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
    child.on('close', (status, signal) => {
      const line = output.trimEnd().split('\n').at(-1) ?? ''
      const report = line.startsWith('{') ? JSON.parse(line) : undefined
      resolve({ status, report, reason: report?.wrong ?? (errors.trim() || `ended by ${signal}`) })
    })
  })
}

/** Builds, runs and reports; returns the exit status. */
async function main() {
  const build = spawnSync('make', ['--silent', '--jobs=2', '-C', 'native/test', ...PROGRAMS], {
    cwd: root,
    stdio: 'inherit',
  })
  if (build.status !== 0) return 2

  const bar = new SingleBar({
    format: 'stress {bar} {value}/{total} runs, {aborts} aborts, {failed} failed, {eta_formatted} left',
    noTTYOutput: false,
  })
  const total = { passed: 0, failed: 0, leftOut: 0, steps: 0, aborts: 0, controls: 0 }
  bar.start(runs.length, 0, total)
  const messages = new Set()
  for (const one of runs) {
    const { status, report, reason } = await run(one)
    if (status === 0) {
      total.passed++
      total.steps += report.steps
      total.aborts += report.aborts
      total.controls += report.controlWrong === '' ? 0 : 1
    } else if (status === 2) {
      total.leftOut++
      messages.add(`left out: ${reason}`)
    } else {
      total.failed++
      messages.add(`FAILED: build/native-test/${one.line}: ${reason}`)
    }
    bar.increment(1, total)
  }
  bar.stop()

  for (const message of messages) console.log(message)
  console.log(
    `stress: ${total.passed} runs passed, ${total.failed} failed, ${total.leftOut} left out; ` +
      `${total.steps} steps, ${total.aborts} aborts, ${total.controls} controls went wrong`,
  )
  return total.failed > 0 || total.passed === 0 ? 1 : 0
}

if (options.list) for (const { line } of runs) console.log(line)
else if (process.platform !== 'linux') console.log('stress: sections exist on Linux only')
else process.exitCode = await main()
