// Everything about a release but the publication: npm run release:check [-- --no-tests]; docs/releasing.md.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { addressProblems } from './addresses.mjs'
import { packInto, prepare } from './pack.mjs'
import { makeSbom, sbomProblems } from './sbom.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { name, version } = manifest

function ask(command, ...args) {
  return execFileSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

/** The problems, one sentence each; or none. */
const CHECKS = {
  'the working tree is clean': () => ask('git', 'status', '--porcelain'),

  'both package files have the version': () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
    return lock.version === version ? '' : `package-lock.json has ${lock.version}, package.json ${version}`
  },

  'the changelog has the version, with a date': () => {
    const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')} - \\d{4}-\\d\\d-\\d\\d$`, 'm')
    const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
    return heading.test(changelog) ? '' : `CHANGELOG.md has no line "## ${version} - YYYY-MM-DD"`
  },

  'the version is not published yet': () => {
    const { stdout, stderr } = spawnSync('npm', ['view', `${name}@${version}`, 'version', '--json'], {
      encoding: 'utf8',
    })
    if (`${stdout}${stderr}`.includes('E404')) return ''
    // If the package exists but not this version, the answer is empty.
    return stdout.trim() === '' && !stderr.includes('npm error') ? '' : `npm says: ${stdout}${stderr}`.trim()
  },

  'the package says where the project lives': () => addressProblems(manifest).join('; '),
}

/** The tests of CI, and those that take too long for CI. */
const COMMANDS = [
  ['ci'],
  ['run', 'typecheck'],
  ['run', 'lint'],
  ['run', 'format:check'],
  ['test'],
  ['run', 'test:package'],
  ['run', 'test:site'],
  ['run', 'test:nodes'],
  ['run', 'test:runtimes'],
]

const { tests } = new Command('release:check')
  .description('Checks and packs a release, and stops before it is published.')
  .option('--no-tests', 'only look at the files, and pack')
  .parse()
  .opts()

const failures = []
function report(what, problem) {
  console.log(problem === '' ? `ok       ${what}` : `NOT YET  ${what}: ${problem}`)
  if (problem !== '') failures.push(what)
}

for (const [what, check] of Object.entries(CHECKS)) report(what, check())
if (tests) {
  for (const args of COMMANDS) {
    const command = `npm ${args.join(' ')}`
    console.log(`...      ${command}`)
    const { status } = spawnSync('npm', args, { cwd: root, stdio: 'inherit' })
    report(command, status === 0 ? '' : `exit status ${status}`)
  }
}

const directory = join(root, 'build', 'release')
rmSync(directory, { recursive: true, force: true })
mkdirSync(directory, { recursive: true })
await prepare({ force: true })
const { file, size, unpackedSize, files } = packInto(directory)
const tarball = relative(root, file)
const sbom = makeSbom()
report('the bill of materials has all that is installed', sbomProblems(sbom, manifest).join('; '))
const sbomFile = tarball.replace(/\.tgz$/, '.cdx.json')
writeFileSync(join(root, sbomFile), `${JSON.stringify(sbom, null, 2)}\n`)
console.log(`\n${sbomFile}: ${sbom.components.length} components beside the package`)
console.log(`${tarball}: ${size} bytes, ${unpackedSize} unpacked, ${files.length} files`)
if (failures.length > 0) {
  console.log(`Not to be published: ${failures.length} checks failed.`)
  process.exitCode = 1
} else {
  console.log(
    `All is well. Nothing was published; this would do it:\n  npm publish ${tarball} --provenance --access public`,
  )
}
