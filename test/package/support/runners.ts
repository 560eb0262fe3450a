/**
 * Test runners, compilers and bundlers, which the package does not depend on: npm installs them once, into a cache.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory } from '../../../scripts/node-versions.mjs'
import { makeProject } from './project.js'

const RUNNERS = fileURLToPath(new URL('../runners/', import.meta.url))
const MANIFEST = 'package.json'

/** The directory in whose `node_modules` they are. Its name depends on their versions. */
function installed(): string {
  const versions = createHash('sha256').update(readFileSync(join(RUNNERS, MANIFEST)))
  const directory = join(cacheDirectory(), `runners-${versions.digest('hex').slice(0, 16)}`)
  if (existsSync(directory)) return directory
  mkdirSync(cacheDirectory(), { recursive: true })
  // Renamed when it is complete, as several runs may share the cache, or end in the middle.
  const unpacking = mkdtempSync(`${directory}.`)
  try {
    copyFileSync(join(RUNNERS, MANIFEST), join(unpacking, MANIFEST))
    execFileSync(
      'npm',
      ['install', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      {
        cwd: unpacking,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    renameSync(unpacking, directory)
  } catch (error) {
    // If another run was first, its directory is used.
    if (!existsSync(directory)) throw error
  } finally {
    rmSync(unpacking, { recursive: true, force: true })
  }
  return directory
}

/** A project of its own with the package, the programs of `runners/` and all runners. */
export function makeRunnersProject(): string {
  const project = makeProject()
  for (const file of readdirSync(RUNNERS))
    if (file !== MANIFEST) cpSync(join(RUNNERS, file), join(project, file))
  const modules = join(installed(), 'node_modules')
  const own = readdirSync(join(project, 'node_modules'))
  for (const name of readdirSync(modules))
    if (!own.includes(name)) symlinkSync(join(modules, name), join(project, 'node_modules', name))
  return project
}
