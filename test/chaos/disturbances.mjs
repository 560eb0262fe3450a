// The disturbances of the whole process while the workers work.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'

/** Stops and continues this process again and again, from outside. Returns how to end that. */
export function stopAndContinue() {
  const loop = 'while kill -STOP "$0" 2>/dev/null; do sleep 0.002; kill -CONT "$0"; sleep 0.05; done'
  const child = spawn('sh', ['-c', loop, String(process.pid)], { stdio: 'ignore' })
  return () =>
    new Promise((resolve) => {
      child.once('exit', () => {
        // It may have been killed between its two signals, had it not been this process that does it.
        process.kill(process.pid, 'SIGCONT')
        resolve()
      })
      child.kill('SIGKILL')
    })
}

/** Moves threads between the CPUs that the process may use. */
export class Mover {
  #support
  #cpus
  #next = 0
  moves = 0

  constructor(supportFile) {
    this.#support = createRequire(import.meta.url)(supportFile)
    this.#cpus = this.#support.getAffinity(0)
  }

  /** Moves one thread; false if it has ended. */
  move(tid) {
    this.moves++
    return this.#support.setAffinity(tid, [this.#cpus[this.#next++ % this.#cpus.length]])
  }
}
