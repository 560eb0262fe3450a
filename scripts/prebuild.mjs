// Builds the binaries that the package ships into prebuilds/, by prebuildify:
//
//   npm run prebuild [-- --arch x64 arm64 ppc64] [--force]
//
// For each architecture one with the fast tier of each Node version, and one for all others. The
// host's own architecture if none is named; the others need a cross compiler. What is newer than
// its sources is kept.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { checkBinary } from './check-binary.mjs'
import { NODES, fetchHeaders } from './node-versions.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

/** How the tools of each architecture are called, where it is not the host's. */
export const ARCHITECTURES = {
  x64: { tools: 'x86_64-linux-gnu-' },
  arm64: { tools: 'aarch64-linux-gnu-' },
  ppc64: { tools: 'powerpc64le-linux-gnu-' },
}

/**
 * The binaries of an architecture: each file's name, the Node whose headers it is built with, and
 * whether it has the fast tier. node-gyp-build prefers the one that names the running ABI.
 */
export function binariesOf(arch) {
  const [oldest] = NODES
  const directory = join(root, 'prebuilds', `linux-${arch}`)
  return [
    ...NODES.map((node) => ({ file: join(directory, `rseq.abi${node.abi}.glibc.node`), node, fast: true })),
    { file: join(directory, 'rseq.glibc.node'), node: oldest, fast: false },
  ]
}

/** The newest change of everything that a binary is made from. */
function newestSource() {
  const sources = ['native/rseq', 'native/percpu', 'native/addon'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(directory, file),
    ),
  )
  const all = [...sources, 'binding.gyp', 'package-lock.json', 'scripts/prebuild.mjs']
  return Math.max(...all.map((file) => statSync(join(root, file)).mtimeMs))
}

function isFresh(file) {
  return existsSync(file) && statSync(file).mtimeMs > newestSource()
}

/**
 * A copy of the project to build in: prebuildify begins by deleting all that was built, and ends by
 * taking the binary away.
 */
function makeCopy() {
  const build = join(root, 'build')
  mkdirSync(build, { recursive: true })
  const directory = mkdtempSync(join(build, 'prebuild-'))
  for (const name of ['binding.gyp', 'native', 'package.json']) {
    symlinkSync(join(root, name), join(directory, name))
  }
  return directory
}

function prebuildify(arch, { node, fast }, directory) {
  const { tools } = ARCHITECTURES[arch]
  const isCross = arch !== process.arch
  const args = [
    `--cwd=${directory}`,
    `--out=${root}`,
    `--arch=${arch}`,
    `--target=${node.version}`,
    fast ? '--no-napi' : '--napi',
    '--tag-libc=glibc',
    '--strip',
    ...(isCross ? [`--strip-bin=${tools}strip`] : []),
  ]
  const env = {
    ...process.env,
    ...(isCross ? { CC: `${tools}gcc`, CXX: `${tools}g++` } : {}),
    npm_config_nodedir: fetchHeaders(node),
    RSEQ_NAPI_ONLY: fast ? '0' : '1',
    JOBS: String(availableParallelism()),
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [require.resolve('prebuildify/bin.js'), ...args],
    {
      cwd: root,
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  )
  if (status !== 0)
    throw new Error(`${stdout}${stderr}\nprebuildify failed, for Node ${node.version} on ${arch}`)
  if (/warning:/.test(stderr)) process.stderr.write(stderr)
}

/** @throws Error if the binary is not what it should be. */
function build(arch, binary) {
  rmSync(binary.file, { force: true })
  const directory = makeCopy()
  try {
    prebuildify(arch, binary, directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
  const { size, glibc, problems } = checkBinary(binary.file)
  const name = relative(root, binary.file)
  if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`)
  console.log(`${name}: ${size} bytes, glibc ${glibc}`)
}

/**
 * Builds what is not up to date, or with `force` everything; returns all files.
 *
 * @throws Error with the compiler's output, or with what is wrong with a binary.
 */
export function prebuild(architectures = [process.arch], force = false) {
  return architectures.flatMap((arch) =>
    binariesOf(arch).map((binary) => {
      if (force || !isFresh(binary.file)) build(arch, binary)
      return binary.file
    }),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const command = new Command('prebuild')
    .addOption(
      new Option('--arch <names...>', 'architectures to build for')
        .choices(Object.keys(ARCHITECTURES))
        .default([process.arch]),
    )
    .option('--force', 'build what is up to date, too', false)
    .parse()
  const { arch, force } = command.opts()
  prebuild(arch, force)
}
