/**
 * Runs the command and the `wc` of this machine.
 *
 * @module
 */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
export const COUNT = fileURLToPath(new URL('../../build/tools/count/main.js', import.meta.url))
export const LOCALES = ['C', 'C.UTF-8']

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

/** This process's environment without what changes the answers of the command. */
const NEUTRAL = {
  RSEQ_BACKEND: undefined,
  RSEQ_TIER: undefined,
  NO_COLOR: undefined,
  NODE_OPTIONS: undefined,
  POSIXLY_CORRECT: undefined,
}

export function environment(changes: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...NEUTRAL, ...changes }
}

/** Runs a program to its end. */
export function execute(program: string, args: string[], options: SpawnOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: 'pipe' })
    const ran: Ran = { status: null, stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.stderr += text))
    child.on('error', reject)
    child.on('close', (status) => {
      resolve({ ...ran, status })
    })
  })
}

/** Runs the command as it is installed. */
export function rseq(
  args: string[],
  env: Record<string, string> = {},
  options: SpawnOptions = {},
): Promise<Ran> {
  return execute(process.execPath, [CLI, ...args], { env: environment(env), ...options })
}

/** Runs the word counter of tools/. */
export function count(
  args: string[],
  env: Record<string, string> = {},
  options: SpawnOptions = {},
): Promise<Ran> {
  return execute(process.execPath, [COUNT, ...args], { env: environment(env), ...options })
}

export interface Totals {
  lines: number
  words: number
  bytes: number
}

export function parseTotals(line: string): Totals {
  const [lines = NaN, words = NaN, bytes = NaN] = line.trim().split(/\s+/).map(Number)
  return { lines, words, bytes }
}

/** What this machine's wc counts in all of the files. */
export function totalByWc(files: string[], locale: string): Totals {
  const env = environment({ LC_ALL: locale })
  const { stdout } = spawnSync('wc', ['--', ...files, '/dev/null'], { encoding: 'utf8', env })
  return parseTotals(stdout.trimEnd().split('\n').at(-1) ?? '')
}
