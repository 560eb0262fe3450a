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

/**
 * The value of an environment variable. Empty if it is not set, and if the runtime forbids the program to read it, as Deno does
 * without `--allow-env`: the program then runs as if the variable was not set.
 */
export function environmentVariable(name: string): string {
  try {
    return process.env[name] ?? ''
  } catch {
    return ''
  }
}
