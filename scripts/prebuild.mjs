// Builds the binaries that the package ships into prebuilds/, by prebuildify:
//
//   npm run make:prebuilds [-- --arch x64 arm64 ppc64] [--force]
//
// For each architecture it builds one binary with the fast tier of each Node version, and one for all other versions. The
// default is all architectures; those that are not the host's need a cross compiler. It checks each binary and prints its
// size. It skips an architecture whose binaries are newer than their sources.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { checkBinary } from './check-binary.mjs'
import { NODES } from './node-versions.mjs'
import { Progress } from './progress.mjs'
import { Workshop } from './workshop.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The prefix of the cross compiler's tools for each architecture. */
export const ARCHITECTURES = {
  x64: { tools: 'x86_64-linux-gnu-' },
  arm64: { tools: 'aarch64-linux-gnu-' },
  ppc64: { tools: 'powerpc64le-linux-gnu-' },
}

/**
 * The binaries of an architecture: each file's name, the Node whose headers it is built with, and
 * whether it has the fast tier. src/native/binary.ts prefers the binary whose name has the running ABI.
 */
export function binariesOf(arch) {
  const [oldest] = NODES
  const directory = join(root, 'prebuilds', `linux-${arch}`)
  return [
    ...NODES.map((node) => ({ file: join(directory, `rseq.abi${node.abi}.glibc.node`), node, fast: true })),
    { file: join(directory, 'rseq.glibc.node'), node: oldest, fast: false },
  ]
}

/** The time of the newest source of the binaries. */
function newestSource() {
  const sources = ['native/rseq', 'native/percpu', 'native/addon'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(directory, file),
    ),
  )
  const makers = ['prebuild', 'workshop', 'node-versions'].map((name) => `scripts/${name}.mjs`)
  const all = [...sources, 'native/addon.gypi', 'package-lock.json', ...makers]
  return Math.max(...all.map((file) => statSync(join(root, file)).mtimeMs))
}

/** Whether all binaries of an architecture are there and up to date. */
export function isFresh(arch) {
  const newest = newestSource()
  return binariesOf(arch).every(({ file }) => existsSync(file) && statSync(file).mtimeMs > newest)
}

/** Describes a binary in one line. @throws Error if the binary has a problem. */
async function inspect(file) {
  const { lintFile } = await import('../build/tools/lint/lint.js')
  const { size, glibc, problems } = checkBinary(file)
  const { sections, findings } = lintFile(file)
  problems.push(...findings.map(({ section, rule, message }) => `${section}: ${rule}: ${message}`))
  if (sections.length === 0) problems.push('has no critical sections')
  const name = relative(root, file)
  if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`)
  return `${name}: ${size} bytes, glibc ${glibc}, ${sections.length} sections in order`
}

/** Runs `work` on each of `items`, as many at a time as there are CPUs. */
async function inParallel(items, work) {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

async function buildArchitecture(arch, progress) {
  const binaries = binariesOf(arch)
  for (const { file } of binaries) rmSync(file, { force: true })
  const tools = arch === process.arch ? null : ARCHITECTURES[arch].tools
  const common = binaries.find(({ fast }) => !fast)
  const report = async ({ file }) => progress.done(await inspect(file))

  const first = new Workshop(arch, tools)
  try {
    progress.next(relative(root, common.file))
    await first.make(common, { jobs: availableParallelism() })
    await report(common)
    const objects = first.objects()
    await inParallel(
      binaries.filter(({ fast }) => fast),
      async (binary) => {
        progress.next(relative(root, binary.file))
        const workshop = new Workshop(arch, tools)
        try {
          await workshop.make(binary, { jobs: 1, objects })
        } finally {
          workshop.close()
        }
        await report(binary)
      },
    )
  } finally {
    first.close()
  }
}

/**
 * Builds the binaries that are out of date, or with `force` all; returns all files.
 *
 * @throws Error with the compiler's output, or with the problem of a binary.
 */
export async function prebuild(architectures = [process.arch], force = false) {
  const stale = architectures.filter((arch) => force || !isFresh(arch))
  const progress = new Progress(stale.flatMap(binariesOf).length)
  try {
    for (const arch of stale) await buildArchitecture(arch, progress)
  } finally {
    progress.end()
  }
  return architectures.flatMap((arch) => binariesOf(arch).map(({ file }) => file))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = Object.keys(ARCHITECTURES)
  const { arch, force } = new Command('make:prebuilds')
    .addOption(
      new Option('--arch <names...>', 'architectures to build for').choices(names).default(names, 'all'),
    )
    .option('--force', 'also build binaries that are up to date', false)
    .parse()
    .opts()
  try {
    const files = await prebuild(arch, force)
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
    console.log(`${files.length} binaries, ${bytes} bytes`)
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
