// The kernel of a machine, as a file that QEMU boots: Debian's own, fetched, or one built from its source.
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached, directory } from '../host/places.mjs'
import { shell } from '../host/process.mjs'
import { Apt } from './apt.mjs'
import { buildKernel } from './own-kernel.mjs'

const numeric = new Intl.Collator('en', { numeric: true })

/**
 * The package with the newest kernel of a series. From 7.x on the image itself is in linux-binary-*,
 * and linux-image-* only depends on it.
 */
async function newestPackage(apt, series, flavour) {
  const names = await apt.names(`^linux-(image|binary)-${series.replace('.', '\\.')}\\..*-${flavour}$`)
  const version = (name) => name.replace(/^linux-(image|binary)-/, '')
  return names.sort((a, b) => numeric.compare(version(a), version(b)) || numeric.compare(b, a)).at(-1)
}

/** Finds it: the first series that one of the suites has. A suite may lack the architecture, or be gone. */
async function findPackage(arch, { name, series, suites }) {
  const failures = []
  for (const wanted of series) {
    for (const suite of suites) {
      try {
        const apt = new Apt(arch.debian, suite)
        const found = await newestPackage(apt, wanted, arch.kernelFlavour)
        if (found !== undefined) return { apt, found }
        failures.push(`${suite}: no kernel ${wanted}`)
      } catch (error) {
        failures.push(`${suite}: ${error.message.split('\n').at(-1)}`)
      }
    }
  }
  throw new Error(`no kernel ${name} for ${arch.name} in the archive (${failures.join('; ')})`)
}

async function fetchKernel(arch, kernel, into) {
  const { apt, found } = await findPackage(arch, kernel)
  const unpacked = directory(into, 'unpacked')
  const [deb] = await apt.download([found], into)
  await shell('dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2"', [deb, unpacked])
  const image = readdirSync(unpacked, { recursive: true }).find((path) =>
    /(^|\/)vmlinu[xz]-?[^/]*$/.test(path),
  )
  if (image === undefined) throw new Error(`${found} holds no kernel image`)
  copyFileSync(join(unpacked, image), join(into, 'image'))
  rmSync(unpacked, { recursive: true })
  rmSync(deb)
}

/** The path of the kernel's image, made if the cache does not have it. */
export async function kernelImage(arch, kernel) {
  const make = kernel.config === undefined ? fetchKernel : buildKernel
  return join(await cached(['kernels', arch.name, kernel.name], (into) => make(arch, kernel, into)), 'image')
}
