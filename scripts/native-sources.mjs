// Finds the C++ sources and clang's tools, for scripts that run them.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The C++ files below native/, relative to the root, whose names end as `pattern` says. */
export function nativeFiles(pattern) {
  return readdirSync(join(root, 'native'), { recursive: true })
    .filter((file) => pattern.test(file))
    .map((file) => join('native', file))
    .sort()
}

/** Ends the process if `tool` is not installed: without an error on a developer's machine, as a failure in CI. */
export function requireTool(tool) {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' })
  } catch {
    console.error(`${tool} is not installed: the C++ was not checked`)
    process.exit(process.env.CI === 'true' ? 1 : 0)
  }
}
