// Runs the suite of the public API on Bun and Deno, with vitest run by them too:
//
//   npm run test:runtimes [-- --runtime bun] [--backend native] [--file test/api/counter.test.ts]
//
// The runtimes come from npm's packages, once. Prints a table; exit status 1 if a test failed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { RUNTIMES, fetchRuntime, isPackaged } from './runtimes.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const BACKENDS = ['native', 'portable']

/**
 * Runs files of the suite on one runtime and backend. `report` is what vitest's reporter for JSON says, null if there is none;
 * `output` is what was printed.
 *
 * @returns {{ report: { success: boolean, numPassedTests: number, numFailedTests: number, numPendingTests: number } | null, output: string }}
 */
export function runSuite(runtime, backend, files, directory) {
  const file = join(directory, `${runtime.name}-${backend}.json`)
  const env = { ...process.env, RSEQ_BACKEND: backend, EXPECTED_RUNTIME: runtime.name }
  for (const name of ['RSEQ_TIER', 'RSEQ_BINARY', 'VITEST', 'VITEST_MODE', 'NODE_OPTIONS']) delete env[name]
  const args = [
    ...[...runtime.run, vitest, 'run', '--config', 'test/runtimes.config.ts'],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...files],
  ]
  const { stdout, stderr } = spawnSync(fetchRuntime(runtime), args, {
    ...{ cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 },
  })
  let report = null
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // The runtime ended before it wrote a report.
  }
  return { report, output: stdout + stderr }
}

function rowOf(runtime, backend, files, directory) {
  const { report, output } = runSuite(runtime, backend, files, directory)
  const {
    numPassedTests: passed = 0,
    numFailedTests: failed = 0,
    numPendingTests: skipped = 0,
  } = report ?? {}
  const isGood = report?.success === true && passed > 0
  if (!isGood) process.stdout.write(output)
  const result = isGood ? 'passed' : 'FAILED'
  console.log(
    `${runtime.name} ${runtime.version}, ${backend}: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  )
  return { runtime: runtime.name, version: runtime.version, backend, passed, failed, skipped, result }
}

async function main() {
  const names = RUNTIMES.map(({ name }) => name)
  const options = new Command('test-runtimes')
    .addOption(new Option('--runtime <names...>', 'runtimes').choices(names).default(names))
    .addOption(new Option('--backend <names...>', 'backends').choices(BACKENDS).default(BACKENDS))
    .addOption(new Option('--file <files...>', 'files of test/api; all by default').default([]))
    .parse()
    .opts()
  const { runtime: wanted, backend: backends, file: files } = options
  const runtimes = RUNTIMES.filter((runtime) => wanted.includes(runtime.name) && isPackaged(runtime))
  if (runtimes.length === 0) throw new Error(`npm has no package of ${wanted.join(', ')} for ${process.arch}`)
  const directory = mkdtempSync(join(tmpdir(), 'rseq-runtimes-'))
  try {
    const rows = runtimes.flatMap((runtime) =>
      backends.map((backend) => rowOf(runtime, backend, files, directory)),
    )
    console.table(rows)
    if (rows.some(({ result }) => result !== 'passed')) process.exitCode = 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
