/**
 * Services of tests, and processes that take part in them.
 *
 * @module
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach } from 'vitest'
import { mapFile } from '../../lib/runtime/mapping.js'
import { type SharedDirectory, openShared } from '../../lib/shared/index.js'
import { machineWithSectionsOr } from './machine.js'

const ACTOR = fileURLToPath(new URL('programs/shared-actor.mjs', import.meta.url))
/** An actor to which the kernel refuses restartable sequences. */
export const REFUSED_ACTOR = fileURLToPath(new URL('programs/refused-actor.mjs', import.meta.url))
const PROM_ACTOR = fileURLToPath(new URL('programs/prom-actor.mjs', import.meta.url))
const SHM = '/dev/shm'

/** Why no service can be made here; empty if one can. */
export const WHY_NO_SHM = existsSync(SHM) ? '' : 'there is no /dev/shm'

/** A directory on tmpfs for the services of one test, and the processes that it has started. */
export class Place {
  readonly directory = mkdtempSync(join(SHM, 'rseq-test-'))
  readonly #actors: Actor[] = []

  /** A process that has opened the service. */
  async actor(name = 'shop', options: object = {}, ...under: string[]): Promise<Actor> {
    const actor = new Actor(under)
    this.#actors.push(actor)
    await actor.isReady
    await actor.ask('open', { name, options: { directory: this.directory, ...options } })
    return actor
  }

  /** A process that has opened the service `shop`, in an environment and perhaps with another program. */
  async actorIn(env: NodeJS.ProcessEnv, program = ACTOR): Promise<Actor> {
    const actor = new Actor([], program, env)
    this.#actors.push(actor)
    await actor.isReady
    await actor.ask('open', { name: 'shop', options: { directory: this.directory } })
    return actor
  }

  /** A process that may share the metrics of rseq/prom-client: see `programs/prom-actor.mjs`. */
  async promActor(env: NodeJS.ProcessEnv = {}): Promise<Actor> {
    const actor = new Actor([], PROM_ACTOR, env)
    this.#actors.push(actor)
    await actor.isReady
    return actor
  }

  /** Words of a file that another process writes; in the memory of a service that this process has joined. */
  notes(): { words: Int32Array; path: string } {
    const path = join(this.directory, 'notes')
    const file = openSync(path, 'w+')
    ftruncateSync(file, 4096)
    const words = new Int32Array(mapFile(file, path, 4096, 1))
    closeSync(file)
    return { words, path }
  }

  async end(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.kill()))
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Makes a service before each test of a suite, for `use`, and ends its processes after it. Skips tests without sections. */
export function useService(use: (place: Place, shop: SharedDirectory) => void): void {
  let place: Place | undefined
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
    use(place, openShared('shop', { directory: place.directory }))
  })
  afterEach(async () => {
    await place?.end()
    place = undefined
  })
}

interface Message {
  id: number
  answer?: unknown
  error?: string
}

/** One process: see `programs/shared-actor.mjs`. */
export class Actor {
  readonly isReady: Promise<unknown>
  readonly #child: ChildProcess
  readonly #open = new Map<number, (message: Message) => void>()
  #asked = 0

  /** @param under - a command that starts it, such as `unshare`, and its arguments. */
  constructor(under: string[], program = ACTOR, env: NodeJS.ProcessEnv = {}) {
    const [command, ...args] = [...under, process.execPath, program]
    this.#child =
      under.length === 0
        ? fork(program, { env: { ...process.env, ...env } })
        : spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    // Each question listens for the end of the process until it is answered.
    this.#child.setMaxListeners(0)
    this.#child.on('message', (message: Message) => this.#open.get(message.id)?.(message))
    this.isReady = this.#answer(0)
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#open.set(id, ({ answer, error }) => {
        if (error === undefined) resolve(answer)
        else reject(new Error(error))
      })
      this.#child.once('exit', () => {
        reject(new Error('the process ended'))
      })
    })
  }

  ask(call: string, input: object = {}): Promise<unknown> {
    const id = ++this.#asked
    this.#child.send({ id, call, input })
    return this.#answer(id)
  }

  /** Asks for what is never answered. */
  tell(call: string, input: object = {}): void {
    this.#child.send({ id: -1, call, input })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Waits until the process has ended. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended()
  }
}
