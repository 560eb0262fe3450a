// Builds the fuzzer of native/test/fuzz with clang and runs it over the corpus.
// Usage: node scripts/fuzz.mjs [--runs N] [--seconds N] [--broken]
// With --broken the build has a mistake on purpose, and a run that does not find it has failed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '60' },
    broken: { type: 'boolean', default: false },
  },
})

const target = values.broken ? 'fuzz-broken' : 'fuzz'
const program = join(root, 'build', 'native-test', target)
const build = spawnSync('make', ['--silent', '--jobs=2', '-C', 'native/test', target], {
  cwd: root,
  stdio: 'inherit',
})
if (build.status !== 0) {
  console.error('fuzz: the build failed; it needs clang++ and its runtime (Debian: clang, libclang-rt-dev)')
  process.exit(2)
}

// New inputs go to a directory of their own: the corpus in the repository stays small.
const found = mkdtempSync(join(tmpdir(), 'rseq-fuzz-'))
const limits = [`-runs=${values.runs}`, `-max_total_time=${values.seconds}`, '-max_len=4096', '-timeout=10']
const run = spawnSync(
  program,
  [...limits, `-artifact_prefix=${found}/`, found, join(root, 'native/test/fuzz/corpus')],
  {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  },
)
if (values.broken) {
  const caught = run.status !== 0 && run.stderr.includes('AddressSanitizer')
  console.log(caught ? 'fuzz: found the mistake, as it must' : 'fuzz: did NOT find the mistake')
  rmSync(found, { recursive: true })
  process.exit(caught ? 0 : 1)
}
if (run.status !== 0) {
  process.stderr.write(run.stderr.slice(-8000))
  console.error(`fuzz: the input that did it is in ${found}`)
  process.exit(1)
}
rmSync(found, { recursive: true })
console.log(`fuzz: ${run.stderr.trimEnd().split('\n').at(-1)}`)
