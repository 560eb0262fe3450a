/**
 * Runs the programs of `programs/`: what needs a process of its own, because it may crash, needs
 * another environment, or changes the process for ever.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A program that hangs is ended, so that nothing outlives its test. */
const PATIENCE_MS = 280_000

export interface ProgramOptions {
  /** Given to the program as JSON, in its first argument. */
  input?: unknown
  /** Changes to the environment; undefined removes a variable. */
  env?: Record<string, string | undefined>
  /** Options for node itself. */
  nodeOptions?: string[]
  /** Milliseconds after which the program is ended; less than its test may take. */
  patience?: number
}

export interface ProgramEnd<Result> {
  /** What the program printed, parsed. */
  result: Result
  /** What it said on standard error: warnings. */
  stderr: string
}

/**
 * Runs `programs/NAME.mjs` and parses the JSON that it prints.
 *
 * @throws Error with its output if it crashed, failed or printed something else.
 */
export function runProgram<Result>(name: string, options: ProgramOptions = {}): Promise<ProgramEnd<Result>> {
  const { input = null, env = {}, nodeOptions = [], patience = PATIENCE_MS } = options
  const file = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url))
  const args = [...nodeOptions, file, JSON.stringify(input)]
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      { env: { ...process.env, ...env }, maxBuffer: 1 << 26, timeout: patience },
      (error, stdout, stderr) => {
        if (error !== null) {
          const end = error.signal ?? `status ${String(error.code)}`
          reject(new Error(`${name}.mjs ended with ${end}\n${stdout}\n${stderr}`))
          return
        }
        try {
          resolve({ result: JSON.parse(stdout) as Result, stderr })
        } catch (cause) {
          reject(new Error(`${name}.mjs printed no JSON: ${stdout}\n${stderr}`, { cause }))
        }
      },
    )
  })
}
