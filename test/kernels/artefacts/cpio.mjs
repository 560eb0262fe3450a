// Archives for the kernel's initial root file system. It unpacks any number of them, one after the other.
import { appendFileSync, copyFileSync, readFileSync } from 'node:fs'
import { shell } from '../host/process.mjs'

/** Packs a directory; everything in it will be root's. */
export async function pack(directory, archive) {
  await shell('cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet > "$2"', [
    directory,
    archive,
  ])
}

/** One file of several archives; cpio pads each to 512 bytes, as the kernel wants it. */
export function concatenate(archives, into) {
  const [first, ...rest] = archives
  copyFileSync(first, into)
  for (const archive of rest) appendFileSync(into, readFileSync(archive))
}
