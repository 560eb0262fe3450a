// Makes what the package consists of, from nothing that an older build has left behind.
//
//   node scripts/pack.mjs      as npm's hook before it packs
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ARCHITECTURES, prebuild } from './prebuild.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

/** lib/ without modules that are no more, and the binaries of all architectures, up to date or with `force` anew. */
export async function prepare({ force = false } = {}) {
  for (const old of ['lib', 'build/tsc.tsbuildinfo'])
    rmSync(join(root, old), { recursive: true, force: true })
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' })
  await prebuild(Object.keys(ARCHITECTURES), force)
}

/**
 * Packs what is prepared.
 *
 * @returns the path of the tarball, its size and its unpacked size in bytes, and the paths in it.
 */
export function packInto(directory) {
  // npm tells an old setting of its own by a line on standard error: of no interest here.
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
