// Describes the machine of the measurement.
import { arch, availableParallelism, cpus, release } from 'node:os'
import { info } from '../lib/index.js'

export function machine() {
  return {
    node: process.version,
    v8: process.versions.v8,
    arch: arch(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: availableParallelism(),
    possibleCpus: info().possibleCpus,
    kernel: release(),
    libc: info().libc,
  }
}
