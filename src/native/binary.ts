/**
 * Lists the files from which this process may load the addon, in the order in which it tries them.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { environmentVariable, runtime } from '../core/runtime.js'
import { type LibcFamily, libc, libcFamily } from './libc.js'

/** A file from which the addon can be loaded. `name` is for messages. */
export interface Candidate {
  readonly name: string
  readonly load: () => unknown
}

/**
 * The binaries of one platform, from `static/`. Each is loaded by its own call of `require` with a literal argument, so that
 * a bundler finds the file.
 */
export interface StaticBinaries {
  readonly platform: string
  readonly libc: LibcFamily
  /** Loads a binary with fast calls, by the `process.versions.modules` that it was built for. */
  readonly byAbi: Readonly<Record<string, () => unknown>>
  /** Loads the binary that runs on every Node, by Node-API. */
  readonly any: () => unknown
}

/** The file that `RSEQ_BINARY` names; empty if it is not set. */
function chosenBinary(): string {
  return environmentVariable('RSEQ_BINARY')
}

/** Whether `RSEQ_BINARY` names the only binary that this process may load. */
export function hasChosenBinary(): boolean {
  return chosenBinary() !== ''
}

let bundled: StaticBinaries | null = null

/** Why the search failed; null if it did not. After a failed search, static binaries come too late for this thread. */
let lostSearch: string | null = null

/** Remembers that this thread has looked for a binary and found none, for static entries that come later. */
export function noteLostSearch(reason: string): void {
  lostSearch = reason
}

/**
 * Gives this thread the binaries of a static entry; it then tries no others. A static entry calls this before anything else of
 * the package is loaded.
 *
 * @throws Error if the program imported `rseq` or `rseq/metrics` first, so that this thread has already searched without these
 *   binaries and found none, although they have one for this platform.
 */
export function provideBinaries(binaries: StaticBinaries): void {
  bundled = binaries
  if (lostSearch !== null && chosenBinary() === '' && bundledCandidates(binaries).length > 0) {
    throw new Error(
      `rseq/${binaries.platform}: expected to be imported before rseq and rseq/metrics; it was imported after them, ` +
        `and this thread runs on the portable backend already: ${lostSearch}`,
    )
  }
}

/** Platforms that have sections. */
const PLATFORMS = ['linux-x64', 'linux-arm64', 'linux-ppc64']

/** The platform and architecture as Node names them, such as `linux-x64`. */
export function platformName(): string {
  return `${platform()}-${arch()}`
}

/** Whether this platform has sections. A missing binary is worth a warning only if it has. */
export function hasSections(): boolean {
  return PLATFORMS.includes(platformName())
}

/**
 * Whether this runtime is Node, with the V8 that its ABI number stands for. Other runtimes load addons too, but Electron
 * builds its V8 in another way, Deno does not let addons call its V8, and Bun has no V8.
 */
export function isNodeItself(): boolean {
  const { versions, release } = process
  return release.name === 'node' && runtime === 'node' && versions['electron'] === undefined
}

/** The platform, C library and ABI that a binary must be built for, as text for messages. */
export function target(): string {
  const parts = [platformName(), libc(), `Node ABI ${process.versions.modules}`]
  return parts.filter((part) => part !== '').join(', ')
}

/**
 * The directory of the installed package. In a bundle, the result is not the package's directory.
 *
 * @throws Error in a bundle in CommonJS form.
 */
export function packageRoot(): string {
  const own = import.meta.url as string | undefined
  if (own === undefined) throw new Error('a bundle in CommonJS form does not know where the package is')
  return resolve(dirname(fileURLToPath(own)), '../..')
}

/** The path of the binary that `rseq build` makes, relative to the package. */
export function ownBuild(): string {
  return `build/rseq.${libcFamily()}.node`
}

/** The path of a binary that the package was shipped with. Tracers of dependencies such as `@vercel/nft` understand this form. */
function shipped(name: string): string {
  return fileURLToPath(new URL(`../../prebuilds/${platform()}-${arch()}/${name}.node`, import.meta.url))
}

/**
 * The paths of binaries. A build from source comes before the binaries that were shipped.
 *
 * @throws Error in a bundle in CommonJS form.
 */
function paths(root: string): string[] {
  const family = libcFamily()
  const names = [shipped(`rseq.${family}`)]
  if (isNodeItself()) names.unshift(shipped(`rseq.abi${process.versions.modules}.${family}`))
  // PREBUILDS_ONLY has the meaning that node-gyp-build gives it. The first path is where node-gyp puts its build in a clone.
  if (environmentVariable('PREBUILDS_ONLY') === '')
    names.unshift(join(root, 'build/Release/rseq.node'), join(root, ownBuild()))
  return names
}

function bundledCandidates({ platform, libc: family, byAbi, any }: StaticBinaries): Candidate[] {
  if (platform !== platformName() || family !== libcFamily()) return []
  const own = isNodeItself() ? byAbi[process.versions.modules] : undefined
  const common = { name: `rseq.${family}.node`, load: any }
  if (own === undefined) return [common]
  return [{ name: `rseq.abi${process.versions.modules}.${family}.node`, load: own }, common]
}

/** The candidates to try, the best first. `place` says for messages where they are. */
export interface Search {
  readonly place: string
  readonly candidates: readonly Candidate[]
}

/**
 * Lists the candidates for this process, without reading or loading any. If `RSEQ_BINARY` is set, the file that it names is
 * the only one. No other candidate was made for another C library.
 *
 * @throws Error in a bundle in CommonJS form without binaries of a static entry, as it cannot know the package's directory.
 */
export function search(): Search {
  const chosen = chosenBinary()
  if (chosen === '' && bundled !== null) {
    return { place: `the bundle for ${bundled.platform}`, candidates: bundledCandidates(bundled) }
  }
  // Each file is required relative to itself, because this module does not know its own path in a bundle in CommonJS form.
  const at = (name: string, file: string): Candidate => ({
    name,
    load: () => createRequire(file)(file) as unknown,
  })
  if (chosen !== '') return { place: 'RSEQ_BINARY', candidates: [at(chosen, resolve(chosen))] }
  const root = packageRoot()
  return { place: root, candidates: paths(root).map((path) => at(relative(root, path), path)) }
}
