// Chaos for hours, as rounds of workers and of processes in turn, each with a seed of its own: npm run soak -- --hours 24
// Ends at the first failure, and says how to repeat it. What has run is in build/soak/rounds.jsonl; docs/verification.md has the last result.
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError, program } from 'commander'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const SECONDS = 3600
/** As the script `chaos` of package.json. */
const CHAOS = ['--no-concurrent-recompilation', '--no-maglev', 'test/chaos/main.mjs']
const KINDS = [[], ['--processes', '2', '4', '16']]

function positive(value) {
  const number = Number(value)
  if (!(number > 0)) throw new InvalidArgumentError('Expected a number above 0.')
  return number
}

const { hours, roundMinutes } = program
  .name('soak')
  .description('Runs chaos for hours.')
  .requiredOption('--hours <n>', 'how long in all, a fraction too', positive)
  .option('--round-minutes <n>', 'how long a round is', positive, 30)
  .parse()
  .opts()

const directory = join(root, 'build', 'soak')
const log = join(directory, 'rounds.jsonl')
mkdirSync(directory, { recursive: true })
rmSync(log, { force: true })

const end = performance.now() + hours * SECONDS * 1000
const firstSeed = Date.now() % 1e9
let rounds = 0
let failed = false
while (!failed && performance.now() < end) {
  const left = (end - performance.now()) / 1000
  const seconds = String(Math.max(1, Math.ceil(Math.min(left, roundMinutes * 60))))
  const seed = String(firstSeed + rounds + 1)
  const args = [...KINDS[rounds % KINDS.length], '--seconds', seconds, '--seed', seed]
  console.log(`== round ${rounds + 1}: chaos ${args.join(' ')}`)
  const { status, signal } = spawnSync(process.execPath, [...CHAOS, ...args], { cwd: root, stdio: 'inherit' })
  appendFileSync(log, `${JSON.stringify({ began: new Date().toISOString(), args, status, signal })}\n`)
  rounds++
  failed = status !== 0
  if (failed)
    console.log(`FAILED with ${signal ?? `status ${status}`}; again: npm run chaos -- ${args.join(' ')}`)
}
console.log(`${rounds} rounds of ${hours} hours: ${failed ? 'the last one failed' : 'all passed'}`)
process.exitCode = failed ? 1 : 0
