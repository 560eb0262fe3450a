/**
 * Compilers and binutils by architecture, for tests that look at binaries.
 *
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type ArchitectureName = 'x86-64' | 'arm64' | 'ppc64le'

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url))
const TRIPLES = {
  'x86-64': 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  ppc64le: 'powerpc64le-linux-gnu',
} as const
const OWN: Readonly<Record<string, ArchitectureName>> = { x64: 'x86-64', arm64: 'arm64', ppc64: 'ppc64le' }

/** The architecture of this machine, if it is one that has sections. */
export const ownArchitecture = OWN[process.arch]

/** The name of a tool such as `g++` or `objdump` for an architecture. */
export function toolFor(architecture: ArchitectureName, tool: string): string {
  return architecture === ownArchitecture ? tool : `${TRIPLES[architecture]}-${tool}`
}

/** Whether a tool is there. Where everything must be installed the answer is yes: a missing one then fails the test. */
export function isInstalled(tool: string): boolean {
  return process.env['CI'] === 'true' || spawnSync(tool, ['--version']).status === 0
}

/** The library's own C++ and assembly files, without Node's side. */
export function librarySources(): string[] {
  return ['rseq', 'rseq/arch', 'percpu'].flatMap((folder) =>
    readdirSync(join(NATIVE, folder))
      .filter((name) => /\.(cc|S)$/.test(name))
      .map((name) => join(NATIVE, folder, name)),
  )
}

/** Compiles to position-independent objects in a folder, which is made; throws with the compiler's words if it refuses. */
export function compileObjects(
  architecture: ArchitectureName,
  folder: string,
  sources: readonly string[],
  ...flags: string[]
): string[] {
  mkdirSync(folder, { recursive: true })
  const args = ['-std=c++17', '-O2', '-fPIC', ...flags, `-I${NATIVE}`, '-c', ...sources]
  run(architecture, args, folder)
  return sources.map((source) => join(folder, basename(source).replace(/\.\w+$/, '.o')))
}

/** Links objects (and compiles sources among them); throws as {@link compileObjects} does. */
export function link(
  architecture: ArchitectureName,
  output: string,
  files: readonly string[],
  ...flags: string[]
): string {
  run(architecture, ['-std=c++17', `-I${NATIVE}`, ...files, '-pthread', '-ldl', ...flags, '-o', output])
  return output
}

function run(architecture: ArchitectureName, args: readonly string[], cwd?: string): void {
  execFileSync(toolFor(architecture, 'g++'), args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
}
