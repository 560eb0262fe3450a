// The kernel of a machine, as a file that QEMU boots: Debian's own, fetched, or one built from its source.
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cached, directory } from '../host/places.mjs'
import { Unavailable, shell } from '../host/process.mjs'
import { Apt } from './apt.mjs'
import { buildKernel } from './own-kernel.mjs'

const numeric = new Intl.Collator('en', { numeric: true })

/** How many kernels of a suite are tried: an archive's mirror may list a package that it does not have. */
const MOST_TRIED = 3

/**
 * The packages with the kernels of a series, the newest first. From 7.x on the image itself is in linux-binary-*,
 * and linux-image-* only depends on it.
 */
async function packagesOf(apt, series, flavour) {
  const names = await apt.names(`^linux-(image|binary)-${series.replace('.', '\\.')}\\..*-${flavour}$`)
  const version = (name) => name.replace(/^linux-(image|binary)-/, '')
  return names.sort((a, b) => numeric.compare(version(b), version(a)) || numeric.compare(a, b))
}

/**
 * Downloads the newest kernel that a suite has; returns its file. A suite may lack the architecture, or be gone.
 * @throws the last download's Unavailable if packages were listed and none could be fetched
 */
async function download(arch, { name, series, suites }, into) {
  const failures = []
  let unavailable
  for (const wanted of series) {
    for (const suite of suites) {
      try {
        const apt = new Apt(arch.debian, suite)
        const found = await packagesOf(apt, wanted, arch.kernelFlavour)
        if (found.length === 0) failures.push(`${suite}: no kernel ${wanted}`)
        for (const one of found.slice(0, MOST_TRIED)) {
          try {
            const [deb] = await apt.download([one], into)
            return deb
          } catch (error) {
            if (!(error instanceof Unavailable)) throw error
            unavailable = error
          }
        }
      } catch (error) {
        failures.push(`${suite}: ${error.message.split('\n').at(-1)}`)
      }
    }
  }
  if (unavailable !== undefined) throw unavailable
  throw new Error(`no kernel ${name} for ${arch.name} in the archive (${failures.join('; ')})`)
}

async function fetchKernel(arch, kernel, into) {
  const unpacked = directory(into, 'unpacked')
  const deb = await download(arch, kernel, into)
  await shell('dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2"', [deb, unpacked])
  const image = readdirSync(unpacked, { recursive: true }).find((path) =>
    /(^|\/)vmlinu[xz]-?[^/]*$/.test(path),
  )
  if (image === undefined) throw new Error(`${basename(deb)} holds no kernel image`)
  copyFileSync(join(unpacked, image), join(into, 'image'))
  rmSync(unpacked, { recursive: true })
  rmSync(deb)
}

/** The path of the kernel's image, made if the cache does not have it. */
export async function kernelImage(arch, kernel) {
  const make = kernel.config === undefined ? fetchKernel : buildKernel
  return join(await cached(['kernels', arch.name, kernel.name], (into) => make(arch, kernel, into)), 'image')
}
