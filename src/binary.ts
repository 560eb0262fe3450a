/**
 * Where the addon may lie for this process, in the order in which it is tried.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LibcFamily, libc, libcFamily } from './libc.js'

/** A place to load the addon from: its name is for messages. */
export interface Candidate {
  readonly name: string
  readonly load: () => unknown
}

/**
 * The binaries of one platform as a bundler sees them, from `static/`: each is loaded by a call of its own
 * `require`, whose argument it can read.
 */
export interface StaticBinaries {
  readonly platform: string
  readonly libc: LibcFamily
  /** With fast calls, by `process.versions.modules`. */
  readonly byAbi: Readonly<Record<string, () => unknown>>
  /** For any Node, by Node-API. */
  readonly any: () => unknown
}

let bundled: StaticBinaries | null = null

/** Called by a static entry before anything is loaded: then only these are tried. */
export function provideBinaries(binaries: StaticBinaries): void {
  bundled = binaries
}

/** Platforms that have sections. */
const PLATFORMS = ['linux-x64', 'linux-arm64', 'linux-ppc64']

/** Such as `linux-x64`, by the names of `process`. */
export function platformName(): string {
  return `${process.platform}-${process.arch}`
}

/** Whether this platform has sections: only there is a missing binary worth a warning. */
export function hasSections(): boolean {
  return PLATFORMS.includes(platformName())
}

/**
 * Whether this runtime is Node, with the V8 that its ABI stands for. Others load addons too, with a V8
 * built in another way (Electron), out of reach (Deno) or none at all (Bun).
 */
export function isNodeItself(): boolean {
  const { versions, release } = process
  return release.name === 'node' && !['electron', 'bun', 'deno'].some((name) => versions[name] !== undefined)
}

/** What a binary would have to fit, for messages. */
export function target(): string {
  const parts = [platformName(), libc(), `Node ABI ${process.versions.modules}`]
  return parts.filter((part) => part !== '').join(', ')
}

/** The directory of the installed package; without meaning in a bundle. */
export function packageRoot(): string {
  return dirname(dirname(fileURLToPath(import.meta.url)))
}

/** Where `rseq build` puts what it makes, below the package. */
export function ownBuild(): string {
  return `build/rseq.${libcFamily()}.node`
}

/** Names below the package: a build from source, made on purpose, comes before what was shipped. */
function fileNames(): string[] {
  const directory = `prebuilds/${platformName()}`
  const family = libcFamily()
  const names = [`${directory}/rseq.${family}.node`]
  if (isNodeItself()) names.unshift(`${directory}/rseq.abi${process.versions.modules}.${family}.node`)
  // As node-gyp-build has it. The first is node-gyp's, in a clone.
  if (!process.env['PREBUILDS_ONLY']) names.unshift('build/Release/rseq.node', ownBuild())
  return names
}

function bundledCandidates({ platform, libc: family, byAbi, any }: StaticBinaries): Candidate[] {
  if (platform !== platformName() || family !== libcFamily()) return []
  const own = isNodeItself() ? byAbi[process.versions.modules] : undefined
  const common = { name: `rseq.${family}.node`, load: any }
  if (own === undefined) return [common]
  return [{ name: `rseq.abi${process.versions.modules}.${family}.node`, load: own }, common]
}

/** What there is to try, best first, and where that is, for messages. */
export interface Search {
  readonly place: string
  readonly candidates: readonly Candidate[]
}

/**
 * Where to look; a file that was made for another C library is never among it. `RSEQ_BINARY` names the
 * only one. Nothing is read or loaded yet.
 *
 * @throws Error in a bundle that has lost its own place and has no binaries of a static entry.
 */
export function search(): Search {
  const chosen = process.env['RSEQ_BINARY'] ?? ''
  if (chosen === '' && bundled !== null) {
    return { place: `the bundle for ${bundled.platform}`, candidates: bundledCandidates(bundled) }
  }
  const require = createRequire(import.meta.url)
  const at = (name: string, file: string): Candidate => ({ name, load: () => require(file) as unknown })
  if (chosen !== '') return { place: 'RSEQ_BINARY', candidates: [at(chosen, resolve(chosen))] }
  const root = packageRoot()
  return { place: root, candidates: fileNames().map((name) => at(name, join(root, name))) }
}
