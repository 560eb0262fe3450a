// What every test of one C library shares: that library, Node and busybox, as one archive in the cache.
import { copyFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { cached, directory } from '../host/places.mjs'
import { shell } from '../host/process.mjs'
import { Apt } from './apt.mjs'
import { pack } from './cpio.mjs'
import { nodeFor } from './node.mjs'

const RUNTIME = ['busybox-static', 'libc6', 'libgcc-s1', 'libstdc++6']

/** Most of a root file system's size, and nothing that Node or a test would read. */
const UNUSED = 'rm -rf "$1"/usr/share/{doc,man,info,locale,bug,lintian} "$1"/usr/lib/*/gconv "$1"/usr/sbin/*'

async function makeBase(arch, flavour, into) {
  const root = directory(into, 'root')
  // Merged /usr first: older packages carry /lib/..., newer ones /usr/lib/....
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    directory(root, 'usr', name)
    symlinkSync(`usr/${name}`, join(root, name))
  }
  for (const name of ['proc', 'sys', 'dev', 'tmp']) directory(root, name)

  const packages = flavour.debianNode ? [...RUNTIME, 'nodejs'] : RUNTIME
  const archives = directory(into, 'archives')
  // Unpacked without their maintainer scripts: none of these packages needs them.
  for (const deb of await new Apt(arch.debian, flavour.suite).closure(packages, archives)) {
    await shell('dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink', [deb, root])
  }
  await shell(UNUSED, [root])
  if (!flavour.debianNode) copyFileSync(join(await nodeFor(arch), 'bin', 'node'), join(root, 'usr/bin/node'))
  await pack(root, join(into, 'base.cpio'))
  rmSync(root, { recursive: true })
  rmSync(archives, { recursive: true })
}

/** The path of the archive, made if the cache does not have it. */
export async function baseArchive(arch, flavour) {
  const make = (into) => makeBase(arch, flavour, into)
  return join(await cached(['base', `${arch.name}-${flavour.name}`], make), 'base.cpio')
}
