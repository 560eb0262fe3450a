// Runs the tests on every Node version that has a fast tier, with the binaries that ship:
//
//   npm run test:nodes [-- --node 22 24] [--suite native once]
//
// Node comes from npm's packages, once. Prints a table; exit status 1 if a test failed, or if a Node
// took another binary or tier than it should.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Command, Option } from 'commander'
import { NODES, fetchNode, isPacked } from './node-versions.mjs'
import { binariesOf, prebuild } from './prebuild.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

/** Tests that do not depend on the Node version: of compilers, C++ programs, kernels and tools. The benchmark has --node. */
const NODE_INDEPENDENT = [
  'bench',
  'binary',
  'compile',
  'gdb',
  'kernels-judge',
  'lint',
  'native',
  'native-fuzz',
  'native-interleave',
  'native-kill',
  'prebuild',
]

/** The suites for each Node: a project of vitest.config.ts, with the Node's own binary or the binary for all Nodes. */
const SUITES = {
  native: { project: 'native', own: true },
  napi: { project: 'napi', own: true },
  portable: { project: 'portable', own: true },
  once: { project: 'once', own: true },
  common: { project: 'native', own: false },
}

/** The environment of all processes on that Node: it allows only the binaries that ship, or the named one. */
function environment(home, only) {
  const env = { ...process.env, PREBUILDS_ONLY: '1' }
  for (const name of ['RSEQ_BACKEND', 'RSEQ_TIER', 'RSEQ_BINARY']) delete env[name]
  env.PATH = `${join(home, 'bin')}${delimiter}${process.env.PATH ?? ''}`
  if (only !== null) env.RSEQ_BINARY = only
  return env
}

/** Checks the tier and the binary that the package uses on that Node. */
function probe(node, env) {
  const lib = JSON.stringify(pathToFileURL(join(root, 'lib/index.js')).href)
  const code = `
    const { info } = await import(${lib})
    const file = process.report.getReport().sharedObjects.find((name) => name.endsWith('.node'))
    console.log(JSON.stringify({ tier: info().tier, file }))`
  const args = ['--input-type=module', '--eval', code]
  const { status, stdout, stderr } = spawnSync(node, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${node} cannot load the package: ${stdout}${stderr}`)
  return JSON.parse(stdout)
}

/** Runs one suite, and prints its output if it fails. */
function runSuite(node, project, env, directory) {
  const report = join(directory, 'report.json')
  rmSync(report, { force: true })
  const args = [
    ...[vitest, 'run', '--project', project, '--reporter=default', '--reporter=json'],
    `--outputFile.json=${report}`,
    ...NODE_INDEPENDENT.map((name) => `--exclude=test/${name}.test.ts`),
  ]
  const { status, stdout, stderr } = spawnSync(node, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  let counts
  try {
    counts = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 }
  }
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = counts
  const isGood = status === 0 && failed === 0 && passed > 0
  if (!isGood) process.stdout.write(stdout + stderr)
  return { passed, failed, skipped, isGood }
}

function runOn(node, suites, directory) {
  const common = binariesOf(process.arch).find(({ fast }) => !fast).file
  const home = fetchNode(node)
  const binary = join(home, 'bin', 'node')
  return suites.map((suite) => {
    const { project, own } = SUITES[suite]
    const env = environment(home, own ? null : common)
    const { tier, file } = probe(binary, env)
    const expected = own ? `rseq.abi${node.abi}.glibc.node` : 'rseq.glibc.node'
    const isRight = tier === (own ? 'fast' : 'napi') && basename(file) === expected
    const { passed, failed, skipped, isGood } = runSuite(binary, project, env, directory)
    const result = !isRight ? `FAILED: it should take ${expected}` : isGood ? 'passed' : 'FAILED'
    const row = { Node: node.version, suite, passed, failed, skipped, tier, binary: basename(file), result }
    console.log(`Node ${node.version}, ${suite}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
    return row
  })
}

function printTable(rows) {
  const columns = Object.keys(rows[0])
  const width = (column) => Math.max(column.length, ...rows.map((row) => String(row[column]).length))
  const line = (cells) => columns.map((column) => String(cells[column]).padEnd(width(column))).join('  ')
  console.log(line(Object.fromEntries(columns.map((column) => [column, column]))).trimEnd())
  for (const row of rows) console.log(line(row).trimEnd())
}

const { node: majors, suite: suites } = new Command('test-nodes')
  .addOption(
    new Option('--node <majors...>', 'Node versions')
      .choices(NODES.map(({ major }) => String(major)))
      .default(NODES.map(({ major }) => String(major))),
  )
  .addOption(
    new Option('--suite <names...>', 'suites').choices(Object.keys(SUITES)).default(Object.keys(SUITES)),
  )
  .parse()
  .opts()

const chosen = NODES.filter(({ major }) => majors.includes(String(major)))
for (const { version } of chosen.filter((node) => !isPacked(node))) {
  console.log(`Node ${version}: npm has no package for ${process.arch}; left out`)
}
const packed = chosen.filter((node) => isPacked(node))
if (packed.length === 0) throw new Error('there is no Node to test on')

const built = spawnSync('npm', ['run', '--silent', 'pretest'], { cwd: root, stdio: 'inherit' })
if (built.status !== 0) process.exit(1)
await prebuild()

const directory = mkdtempSync(join(tmpdir(), 'rseq-nodes-'))
try {
  const rows = packed.flatMap((node) => runOn(node, suites, directory))
  printTable(rows)
  if (rows.some(({ result }) => result !== 'passed')) process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true })
}
