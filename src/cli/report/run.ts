/**
 * Runs what `rseq report` tells of.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { info, verify } from '../../index.js'
import type { DemoResults } from '../demo/results.js'
import { anonymousData, privateHere } from './anonymous.js'
import { type ReportData, isRight, pageOf } from './page.js'

const CLI = fileURLToPath(new URL('../main.js', import.meta.url))

/** Options of the command. */
export interface ReportOptions {
  readonly seconds: number
  readonly output: string
}

/** What the demo finds. It is a process of its own, which ends its own processes if it is interrupted, as this one is then. */
async function demo(seconds: number): Promise<DemoResults> {
  const args = [...process.execArgv, CLI, 'demo', '--json', '--seconds', String(seconds)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
  try {
    return JSON.parse(told) as DemoResults
  } catch {
    throw new Error(`rseq demo ended with ${signal ?? `status ${status ?? '?'}`} and without results`)
  }
}

/** Runs everything and writes the page. Sets the exit status: 1 if something was wrong. */
export async function runReport({ seconds, output }: ReportOptions): Promise<void> {
  const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string }
  console.error(`rseq: proof and measurements take ${seconds} seconds; let nothing else run meanwhile`)
  const found: ReportData = {
    version,
    date: new Date().toISOString().slice(0, 10),
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cpus: availableParallelism(),
      memory: totalmem(),
      info: info(),
    },
    proof: verify(),
    demo: await demo(seconds),
  }
  const data = anonymousData(found, privateHere())
  const page = pageOf(data)
  if (output === '-') process.stdout.write(page)
  else {
    writeFileSync(output, page)
    console.error(`rseq: wrote ${output}: read it, and send it in as it is`)
  }
  if (!isRight(found)) process.exitCode = 1
}
