// The addon for another processor: node-gyp, with that processor's compiler and that Node's headers.
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { directory, project, work } from '../host/places.mjs'
import { plainEnvironment, run } from '../host/process.mjs'
import { nodeFor } from './node.mjs'

const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')

/** A copy of the sources to build in: node-gyp knows one build directory, and the host's addon is there. */
function sourcesIn(place) {
  rmSync(join(place, 'native'), { recursive: true, force: true })
  for (const name of ['native', 'binding.gyp', 'package.json']) {
    // With their times, so that a second build compiles what has changed.
    cpSync(join(project, name), join(place, name), { recursive: true, preserveTimestamps: true })
  }
  if (!existsSync(join(place, 'node_modules'))) {
    symlinkSync(join(project, 'node_modules'), join(place, 'node_modules'))
  }
}

async function build(arch, place, nodedir, environment) {
  sourcesIn(directory(place))
  const CC = `${arch.triplet}-gcc`
  const CXX = `${arch.triplet}-g++`
  const env = plainEnvironment({ CC, CXX, ...environment })
  const args = ['configure', 'build', '--release', '--loglevel=error', '-j', 'max']
  await run(process.execPath, [nodeGyp, ...args, `--arch=${arch.node}`, `--nodedir=${nodedir}`], {
    cwd: place,
    env,
  })
  return join(place, 'build', 'Release', 'rseq.node')
}

/** The ABI that a Node's headers are of, such as '115' for Node 20. */
function abiOf(nodedir) {
  const header = readFileSync(join(nodedir, 'include', 'node', 'node_version.h'), 'utf8')
  return /define NODE_MODULE_VERSION (\d+)/.exec(header)[1]
}

/**
 * Builds both binaries that the package would carry, and puts them under the names that it finds them by:
 * the one with V8's fast calls for this Node's ABI, the one for any.
 *
 * @returns the directory to be copied as the package's `prebuilds`, and that ABI.
 */
export async function buildAddon(arch) {
  const nodedir = await nodeFor(arch)
  const place = join(work, arch.name, 'addon')
  const prebuilds = directory(work, arch.name, 'prebuilds', `linux-${arch.node}`)
  const fast = await build(arch, join(place, 'fast'), nodedir, {})
  const abi = abiOf(nodedir)
  cpSync(fast, join(prebuilds, `rseq.abi${abi}.glibc.node`))
  const any = await build(arch, join(place, 'any'), nodedir, { RSEQ_NAPI_ONLY: '1' })
  cpSync(any, join(prebuilds, 'rseq.glibc.node'))
  return { prebuilds: join(work, arch.name, 'prebuilds'), abi }
}
