/**
 * Copies of the built package in other directories.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { cp, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A copy of the package, gone when the test is. */
export interface Copy {
  /** Its directory. */
  root: string
  /** What to import. */
  url: string
}

/** Copies `lib`, and with `binary` the addon; the dependencies are those of the original. */
export async function copyPackage(options: { binary: boolean }): Promise<Copy> {
  // Where a test pretends to be on another platform, tmpdir() names a directory that is not there.
  const place = existsSync(tmpdir()) ? tmpdir() : join(ROOT, 'build')
  const root = await realpath(await mkdtemp(join(place, 'rseq-copy-')))
  onTestFinished(() => rm(root, { recursive: true }))
  // Where the tests are to run on what ships, a copy must have that, too.
  const binary = process.env['PREBUILDS_ONLY'] === undefined ? 'build/Release/rseq.node' : 'prebuilds'
  const parts = ['package.json', 'lib', ...(options.binary ? [binary] : [])]
  for (const part of parts) await cp(join(ROOT, part), join(root, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  return { root, url: pathToFileURL(join(root, 'lib/index.js')).href }
}

/** What to import to get the original. */
export const ORIGINAL = pathToFileURL(join(ROOT, 'lib/index.js')).href
