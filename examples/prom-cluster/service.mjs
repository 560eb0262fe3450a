// Runs one of the two services, under load that autocannon makes, and kills its processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'

const CONNECTIONS = 16
/** A worker is killed when this many requests were answered since the last kill. */
const ANSWERS_BETWEEN = 100
/** The longest that anything may take, in milliseconds; a busy machine takes less. */
const PATIENCE = 240_000

/** A service that runs, with the ids of the workers that listen. */
export class Service {
  #primary
  #listening = []
  #metricsPort
  #port
  #changed = () => undefined

  /** @param version - `before` or `after`; `name` is that of the shared service. */
  constructor(version, name) {
    const file = fileURLToPath(new URL(`${version}.mjs`, import.meta.url))
    const env = { ...process.env, PORT: '0', METRICS_PORT: '0', SERVICE: name }
    this.#primary = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface({ input: this.#primary.stdout }).on('line', (line) => {
      const [, pid, port] = /^worker (\d+) on port (\d+)$/.exec(line) ?? []
      if (pid !== undefined) {
        this.#listening.push(Number(pid))
        this.#port = Number(port)
      }
      this.#metricsPort ??= Number(/^metrics on port (\d+)$/.exec(line)?.[1] ?? NaN) || undefined
      this.#changed()
    })
    this.#primary.once('exit', () => this.#changed())
  }

  /** Resolves when `isTrue()` is, which may change with each line that the service prints and each answer. */
  until(isTrue) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the service takes too long')), PATIENCE)
      this.#changed = () => {
        if (this.#primary.exitCode === null && !isTrue()) return
        clearTimeout(late)
        this.#changed = () => undefined
        if (this.#primary.exitCode === null) resolve()
        else reject(new Error(`the service ended with status ${this.#primary.exitCode}`))
      }
      this.#changed()
    })
  }

  /** Waits until `count` workers and the metrics listen. */
  start(count = 4) {
    return this.until(() => this.#listening.length >= count && this.#metricsPort !== undefined)
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`
  }

  get metricsPort() {
    return this.#metricsPort
  }

  /** The text of the metrics, of all processes. prom-client refuses while a worker is too busy to answer within five seconds. */
  async metrics(attempts = 10) {
    const response = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)
    const text = await response.text()
    if (response.ok) return text
    if (attempts > 1) return this.metrics(attempts - 1)
    throw new Error(text)
  }

  /**
   * Lets autocannon ask until so many workers were killed. Returns how many requests it has sent and how many were answered,
   * by its own count.
   */
  async killUnderLoad(kills, tell = () => undefined) {
    let answered = 0
    const routes = ['/', '/items', '/broken', '/nothing']
    const load = autocannon({
      url: this.url,
      connections: CONNECTIONS,
      duration: 86_400,
      requests: routes.map((path) => ({ method: 'GET', path })),
    })
    load.on('response', () => {
      answered++
      this.#changed()
    })
    for (let kill = 1; kill <= kills; kill++) {
      const wanted = answered + ANSWERS_BETWEEN
      // Others must be left to answer, and the one that listens for longest has counted the most.
      await this.until(() => answered >= wanted && this.#listening.length >= 3)
      process.kill(this.#listening.shift(), 'SIGKILL')
      tell(kill, answered)
    }
    const wanted = answered + ANSWERS_BETWEEN
    await this.until(() => answered >= wanted && this.#listening.length >= 4)
    load.stop()
    const result = await load
    return { sent: result.requests.sent, answered: result['2xx'] + result.non2xx }
  }

  async stop() {
    if (this.#primary.exitCode !== null) return
    const ended = once(this.#primary, 'exit')
    this.kill()
    await ended
  }

  /** Kills the primary. Workers end when their primary has ended. */
  kill() {
    this.#primary.kill('SIGKILL')
  }
}

/** The sum of all samples of a name in a text of metrics. */
export function total(text, name) {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
