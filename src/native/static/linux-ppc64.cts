/** The binaries for Linux on ppc64. Each path is a literal, so that a bundler finds the file. */
import type { StaticBinaries } from '../binary.js' with { 'resolution-mode': 'import' }

const binaries: StaticBinaries = {
  platform: 'linux-ppc64',
  libc: 'glibc',
  byAbi: {
    115: () => require('../../../prebuilds/linux-ppc64/rseq.abi115.glibc.node') as unknown,
    127: () => require('../../../prebuilds/linux-ppc64/rseq.abi127.glibc.node') as unknown,
    137: () => require('../../../prebuilds/linux-ppc64/rseq.abi137.glibc.node') as unknown,
    147: () => require('../../../prebuilds/linux-ppc64/rseq.abi147.glibc.node') as unknown,
  },
  any: () => require('../../../prebuilds/linux-ppc64/rseq.glibc.node') as unknown,
}

export = binaries
