/**
 * Programs of native/test that end with a line of JSON.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** How a program is started. */
export interface ReportOptions {
  env?: NodeJS.ProcessEnv
  options?: string[]
}

/** Runs a program of `build/native-test` to its end, and returns its exit status and its last line. */
export function runForReport(
  program: string,
  { env = {}, options = [] }: ReportOptions = {},
): { status: number | null; report: unknown } {
  const { status, stdout, stderr } = spawnSync(
    join(root, 'build/native-test', program),
    ['--json', ...options],
    { encoding: 'utf8', env: { ...process.env, GLIBC_TUNABLES: '', ...env } },
  )
  const last = stdout.trimEnd().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) throw new Error(`${program} ended with ${String(status)}: ${stdout}${stderr}`)
  return { status, report: JSON.parse(last) }
}
