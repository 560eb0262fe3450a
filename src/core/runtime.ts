/**
 * Which JavaScript runtime runs this program, and its environment variables.
 *
 * @module
 */

/** A runtime that can load this package. Electron counts as `node`. */
export type Runtime = 'node' | 'bun' | 'deno'

function runtimeOf({ bun, deno }: NodeJS.ProcessVersions): Runtime {
  if (bun !== undefined) return 'bun'
  return deno === undefined ? 'node' : 'deno'
}

/** The runtime of this process. */
export const runtime: Runtime = runtimeOf(process.versions)

/** The version of {@link runtime}, without a leading `v`. */
export const runtimeVersion: string = process.versions[runtime] ?? ''

/** What `info()` says about the runtime. */
export interface RuntimeInfo {
  /** The JavaScript runtime that runs this thread. Electron counts as `node`. */
  runtime: Runtime
  /** The version of {@link RuntimeInfo.runtime}, such as `24.21.0`. */
  runtimeVersion: string
  /** `process.version`: on Bun and Deno, the version of Node whose interface they have. */
  node: string
}

export const runtimeInfo: RuntimeInfo = { runtime, runtimeVersion, node: process.version }

/** What `read` returns; `otherwise` if the runtime's permissions forbid it, as Deno's may. */
export function unlessForbidden<Value, Other>(read: () => Value, otherwise: Other): Value | Other {
  try {
    return read()
  } catch {
    return otherwise
  }
}

/**
 * The value of an environment variable. Empty if it is not set, and if the runtime forbids the program to read it, as Deno does
 * without `--allow-env`: the program then runs as if the variable was not set.
 */
export function environmentVariable(name: string): string {
  return unlessForbidden(() => process.env[name], '') ?? ''
}
