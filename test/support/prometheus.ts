/**
 * A real Prometheus server that scrapes one target, and its `promtool`.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Bounds the waits for the server. */
const PATIENCE_MS = 200_000
const POLL_MS = 100

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** One line of a query's answer. */
export interface Sample {
  labels: Record<string, string>
  value: number
}

interface Answer {
  status: string
  error?: string
  data: { result: { metric: Record<string, string>; value: [number, string] }[] }
}

export class Prometheus {
  readonly #process: ChildProcess
  readonly #url: string
  readonly #directory: string
  readonly output: string[] = []

  private constructor(process: ChildProcess, url: string, directory: string) {
    this.#process = process
    this.#url = url
    this.#directory = directory
    process.stderr?.on('data', (data: Buffer) => this.output.push(data.toString()))
  }

  /** Starts a server that scrapes `127.0.0.1:targetPort/metrics` every second. */
  static async start(targetPort: number): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'rseq-prometheus-'))
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [{ job_name: 'rseq', static_configs: [{ targets: [`127.0.0.1:${targetPort}`] }] }],
    }
    // JSON is YAML.
    writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config))
    const address = `127.0.0.1:${await freePort()}`
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=${address}`,
        '--enable-feature=native-histograms',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    return new Prometheus(child, `http://${address}`, directory)
  }

  /** The value of an expression now; empty while the server is not up. */
  async query(expression: string): Promise<Sample[]> {
    const url = `${this.#url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`
    const response = await fetch(url).catch(() => null)
    if (response === null || response.status === 503) return []
    const { status, error, data } = (await response.json()) as Answer
    if (status !== 'success') throw new Error(`prometheus: ${error ?? status}`)
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }

  /** Asks until the answer is accepted, and returns it; the last one if that takes too long. */
  async until(expression: string, isGood: (samples: Sample[]) => boolean): Promise<Sample[]> {
    const end = performance.now() + PATIENCE_MS
    for (;;) {
      const samples = await this.query(expression)
      if (isGood(samples) || performance.now() > end) return samples
      if (this.#process.exitCode !== null) throw new Error(`prometheus ended:\n${this.output.join('')}`)
      await pause(POLL_MS)
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = once(this.#process, 'exit')
      this.#process.kill('SIGKILL')
      await ended
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** What `promtool check metrics` says of a text: nothing, if all is well. */
export function promtool(text: string): string {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  return status === 0 ? stdout + stderr : `status ${status}: ${stdout}${stderr}`
}
