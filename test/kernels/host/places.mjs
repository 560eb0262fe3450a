// The directories: the project, the caches, and the outputs of one run.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const rig = dirname(dirname(fileURLToPath(import.meta.url)))
export const project = dirname(dirname(rig))

/** Downloads, kernels and root file systems, which all checkouts of the project share. */
export const cache = process.env['RSEQ_KERNELS_CACHE'] ?? join(homedir(), '.cache', 'rseq-kernels')

/** What is built from this checkout's sources. */
export const work = join(project, 'build', 'kernels')

/** A directory, made if need be. */
export function directory(...parts) {
  const path = join(...parts)
  mkdirSync(path, { recursive: true })
  return path
}

/**
 * A directory in the cache, made once: `make` fills another one, which is then renamed. So an
 * interrupted run leaves nothing half made, and two runs at once do no harm to each other.
 *
 * @returns its path.
 */
export async function cached(parts, make) {
  const path = join(cache, ...parts)
  if (existsSync(path)) return path
  const unfinished = `${path}.${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  directory(unfinished)
  try {
    await make(unfinished)
    if (!existsSync(path)) renameSync(unfinished, path)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return path
}
