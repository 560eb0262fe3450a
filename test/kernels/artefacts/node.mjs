// A whole Node for another processor, headers included: npm carries one as a package.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../host/places.mjs'
import { fetching, run } from '../host/process.mjs'

/** The directory with bin/node and include/node. `npm pack` asks for no matching platform and runs no script. */
export function nodeFor(arch) {
  return cached(['node', arch.npm], async (into) => {
    await fetching('npm', ['pack', '--silent', arch.npm], { cwd: into, env: process.env })
    const archive = readdirSync(into).find((name) => name.endsWith('.tgz'))
    await run('tar', ['-xzf', archive, '--strip-components=1'], { cwd: into })
    rmSync(join(into, archive))
  })
}
