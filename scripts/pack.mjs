// Builds the contents of the package, without files of older builds.
//
//   node scripts/pack.mjs      as npm's hook before it packs
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ARCHITECTURES, prebuild } from './prebuild.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Builds lib/ from scratch, and the binaries of all architectures: those that are out of date, or with `force` all. */
export async function prepare({ force = false } = {}) {
  for (const old of [
    'lib',
    'build/tools',
    ...['tsc', 'types', 'tools'].map((name) => `build/${name}.tsbuildinfo`),
  ])
    rmSync(join(root, old), { recursive: true, force: true })
  for (const part of ['build:ts', 'build:cjs'])
    execFileSync('npm', ['run', '--silent', part], { cwd: root, stdio: 'inherit' })
  await prebuild(Object.keys(ARCHITECTURES), force)
}

/**
 * Packs the prepared files.
 *
 * @returns the path of the tarball, its size and its unpacked size in bytes, and the paths in it.
 */
export function packInto(directory) {
  // npm may warn about an old setting on standard error, which does not matter here.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]
  const told = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const [packed] = Object.values(JSON.parse(told))
  const files = packed.files.map(({ path }) => path)
  return {
    file: join(directory, packed.filename),
    size: packed.size,
    unpackedSize: packed.unpackedSize,
    files,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await prepare()
