// Other programs, run to their end.
import { execFile, execFileSync } from 'node:child_process'

/** An npm script passes its whole configuration on; to node-gyp below it is another build's. */
export function plainEnvironment(extra = {}) {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
  return { ...Object.fromEntries(own), LC_ALL: 'C', ...extra }
}

/**
 * Runs a program and returns what it printed.
 *
 * @throws Error with the command and the end of its output, if it fails.
 */
export function run(command, args, { cwd, env = plainEnvironment() } = {}) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const tail = `${stdout}${stderr}`.trimEnd().split('\n').slice(-25).join('\n')
      reject(new Error(`${command} ${args.join(' ')}\n${tail || error.message}`, { cause: error }))
    })
  })
}

/** An archive or a registry was not available, which is no fault of the library. */
export class Unavailable extends Error {}

/** As {@link run}, for a program that fetches. */
export async function fetching(...command) {
  try {
    return await run(...command)
  } catch (error) {
    throw new Unavailable(error.message, { cause: error })
  }
}

/** As {@link run}, for a line of shell; `args` are its $1, $2 ... */
export function shell(line, args = [], options = {}) {
  return run('bash', ['-euo', 'pipefail', '-c', line, 'bash', ...args], options)
}

/** What a short command prints, or null if it fails or is not there. */
export function ask(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null
  }
}
