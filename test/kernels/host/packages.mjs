// The Debian packages that this machine needs for the emulation of others.
import { Unavailable, ask, fetching } from './process.mjs'

const ALWAYS = ['cpio', 'make', 'python3', 'debian-archive-keyring', 'xz-utils']
const FOR_OWN_KERNELS = ['bc', 'bison', 'flex', 'gcc', 'kmod', 'libelf-dev', 'libssl-dev', 'libc6-dev']

function isInstalled(name) {
  return ask('dpkg-query', ['-W', '-f', '${Status}', name]) === 'install ok installed'
}

/** The names of what the machines of `selection` need. */
export function neededPackages(selection) {
  const host = ask('dpkg', ['--print-architecture'])
  const names = new Set(ALWAYS)
  for (const { arch, kernel } of selection) {
    names.add(arch.emulator.package)
    names.add(arch.debian === host ? 'g++' : `g++-${arch.triplet.replace('_', '-')}`)
    if (kernel.config !== undefined) FOR_OWN_KERNELS.forEach((name) => names.add(name))
  }
  return [...names]
}

/**
 * Installs what is missing.
 *
 * @throws Unavailable naming it, where this process may not install packages.
 */
export async function ensureHostPackages(names) {
  if (ask('apt-get', ['--version']) === null) {
    throw new Unavailable(
      'the kernels are fetched and unpacked by apt-get and dpkg: this needs a Debian or Ubuntu',
    )
  }
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  if (process.getuid() !== 0) {
    throw new Unavailable(`packages are missing; as root: apt-get install ${missing.join(' ')}`)
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await fetching('apt-get', ['update'], { env })
  await fetching('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { env })
}
