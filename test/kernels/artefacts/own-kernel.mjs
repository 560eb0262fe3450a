// A small kernel from Debian's source: everything off but what is listed in kernel-config/.
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cached, directory, rig } from '../host/places.mjs'
import { ask, run, shell } from '../host/process.mjs'
import { Apt } from './apt.mjs'

/** Debian's kernel source, unpacked. The package is the same for every architecture. */
function kernelSource(arch, { source, suites }) {
  return cached(['source', source], async (into) => {
    const [deb] = await new Apt(arch.debian, suites[0]).download([source], into)
    const member = `./usr/src/${source}.tar.xz`
    await shell('dpkg-deb --fsys-tarfile "$1" | tar -xO "$2" | tar -xJ -C "$3" --strip-components=1', [
      ...[deb, member, into],
    ])
    rmSync(deb)
  })
}

/** The lines `CONFIG_X=value` of the files that make up a configuration. */
function wantedOptions(arch, config) {
  const files = ['common', arch.name, config].map((name) => join(rig, 'kernel-config', `${name}.config`))
  return files
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => /^CONFIG_/.test(line))
}

/** An option that the kernel's own rules dropped would make another kernel than the one that is meant. */
function checkOptions(wanted, file) {
  const got = new Set(readFileSync(file, 'utf8').split('\n'))
  const isThere = (line) => (line.endsWith('=n') ? !got.has(line.replace(/n$/, 'y')) : got.has(line))
  const lost = wanted.filter((line) => !isThere(line))
  if (lost.length > 0) throw new Error(`the kernel's configuration did not accept ${lost.join(', ')}`)
}

/** Builds the kernel: `image` and `config` in the directory `into`. Minutes. */
export async function buildKernel(arch, kernel, into) {
  const source = await kernelSource(arch, kernel)
  const output = directory(into, 'output')
  const wanted = wantedOptions(arch, kernel.config)
  const fragment = join(into, 'fragment')
  writeFileSync(fragment, wanted.join('\n') + '\n')
  const { ARCH, target, image } = arch.kernelBuild
  const prefix = ask('dpkg', ['--print-architecture']) === arch.debian ? '' : `${arch.triplet}-`
  const make = (...args) =>
    run('make', ['-s', '-C', source, `O=${output}`, `ARCH=${ARCH}`, `CROSS_COMPILE=${prefix}`, ...args])
  await make(`KCONFIG_ALLCONFIG=${fragment}`, 'allnoconfig')
  checkOptions(wanted, join(output, '.config'))
  await make(`-j${availableParallelism()}`, target)
  if (target === 'vmlinux') await run(`${arch.triplet}-strip`, [join(output, image)])
  copyFileSync(join(output, image), join(into, 'image'))
  copyFileSync(join(output, '.config'), join(into, 'config'))
  rmSync(output, { recursive: true })
  rmSync(fragment)
  if (!existsSync(join(into, 'image'))) throw new Error(`make ${target} left no ${image}`)
}
