/**
 * A thread or a process that `rseq demo` starts and kills.
 *
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { INTERRUPTIONS } from '../interruption.js'
import { Interrupted, unlessStopped } from './stop.js'

/** Characters of what a process says on its way out that are kept. */
const LAST_WORDS = 2000

/** How somebody ended who was not killed. */
interface Ended {
  readonly error: Error
}

/** Somebody who works until he is killed. */
export interface Being {
  /** What names it for a reader: the id of a process or of a thread. */
  readonly id: number
  /** Resolves when it works. @throws Error if it ended before; Interrupted. */
  ready(stop: AbortSignal): Promise<void>
  /** Kills it, and resolves when it is dead. @throws Error if it had ended by itself. */
  kill(): Promise<void>
  /** Kills it without waiting, at the end of this process. */
  drop(): void
}

/** Gets the numbers that a being reports. Its first message is no number: it says that the being works. */
export type OnReport = (report: number) => void

/** Tells the first message, by which a being says that it works, from reports. */
function receiver(onReport: OnReport): { ready: Promise<void>; onMessage: (message: unknown) => void } {
  let isReady: () => void
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  return {
    ready,
    onMessage: (message) => {
      if (typeof message === 'number') onReport(message)
      else isReady()
    },
  }
}

/** Waits until a being is ready or has ended. */
async function readyOr(ready: Promise<void>, ended: Promise<Ended>, stop: AbortSignal): Promise<void> {
  const first = await unlessStopped(Promise.race([ready, ended]), stop)
  if (first !== undefined) throw first.error
}

/** Beings that have been started and have not ended. */
const living = new Set<Being>()

/** Kills all without waiting, at the end of this process. */
export function dropAll(): void {
  for (const being of living) being.drop()
}

/** Starts a Worker from a module beside this one. `data` is its `workerData`. */
export function startThread(file: string, data: unknown, onReport: OnReport = () => undefined): Being {
  const worker = new Worker(new URL(file, import.meta.url), { workerData: data })
  const { ready, onMessage } = receiver(onReport)
  worker.on('message', onMessage)
  const ended = new Promise<Ended>((resolve) => {
    worker.on('error', (error) => {
      living.delete(being)
      resolve({ error: error instanceof Error ? error : new Error(String(error)) })
    })
    worker.on('exit', (status) => {
      living.delete(being)
      resolve({ error: new Error(`a thread of the demo ended by itself, with the status ${status}`) })
    })
  })
  const being: Being = {
    id: worker.threadId,
    ready: (stop) => readyOr(ready, ended, stop),
    async kill() {
      const hadEnded = !living.has(being)
      await worker.terminate()
      const { error } = await ended
      if (hadEnded) throw error
    },
    drop: () => void worker.terminate(),
  }
  living.add(being)
  return being
}

async function endOf(child: ChildProcess, lastWords: () => string): Promise<Ended> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  // Ctrl-C comes to all processes of the command.
  const interruption = INTERRUPTIONS.find((one) => one === signal)
  if (interruption !== undefined) return { error: new Interrupted(interruption) }
  const how = signal === null ? `with the status ${status}` : `by ${signal}`
  return { error: new Error(`a process of the demo ended ${how}, not by this command: ${lastWords()}`) }
}

/** Starts a process from a module beside this one, with arguments. It ends when this process does. */
export function startProcess(
  file: string,
  args: readonly string[],
  onReport: OnReport = () => undefined,
): Being {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-LAST_WORDS)
  })
  const { ready, onMessage } = receiver(onReport)
  child.on('message', onMessage)
  const ended = endOf(child, () => said.trim() || 'it said nothing').catch((error: unknown): Ended => ({
    error: error as Error,
  }))
  void ended.then(() => living.delete(being))
  const being: Being = {
    id: child.pid ?? 0,
    ready: (stop) => readyOr(ready, ended, stop),
    async kill() {
      const hadEnded = !living.has(being)
      child.kill('SIGKILL')
      const { error } = await ended
      if (hadEnded) throw error
    },
    drop: () => void child.kill('SIGKILL'),
  }
  living.add(being)
  return being
}
