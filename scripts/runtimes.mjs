// The JavaScript runtimes beside Node on which the package is tested, and the packages that contain them.
import { join } from 'node:path'
import { fetchPackage } from './node-versions.mjs'

/**
 * One row for each runtime: exact versions, so that a run can be repeated. `packages` are npm's, by `process.arch`; `file` is the
 * executable in them. `run` are the arguments that run a program like Node does, with all permissions.
 */
export const RUNTIMES = [
  {
    name: 'bun',
    version: '1.4.5',
    packages: { x64: '@oven/bun-linux-x64', arm64: '@oven/bun-linux-aarch64' },
    file: 'bin/bun',
    run: ['--bun'],
  },
  {
    name: 'deno',
    version: '2.9.6',
    packages: { x64: '@deno/linux-x64-glibc', arm64: '@deno/linux-arm64-glibc' },
    file: 'deno',
    run: ['run', '--allow-all'],
  },
]

/** Whether npm has a package of the runtime for this machine. */
export function isPackaged({ packages }) {
  return process.platform === 'linux' && packages[process.arch] !== undefined
}

/** The executable of a runtime. npm fetches it once; it stays in the cache. */
export function fetchRuntime({ packages, version, file }) {
  return join(fetchPackage({ name: packages[process.arch], version }, [file]), file)
}
