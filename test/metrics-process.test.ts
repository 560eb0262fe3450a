/** What rseq/metrics says of the process and its threads. */
import { execFile } from 'node:child_process'
import { totalmem } from 'node:os'
import { promisify } from 'node:util'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Session } from 'node:inspector'
import { PerCpuCounter, info } from '../lib/index.js'
import { interruptedAdditions } from '../lib/counter/counters.js'
import { defineMetrics, observeProcess, processMetrics } from '../lib/metrics/index.js'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'
import { turn } from './support/team.mjs'

test('a thread that observes the process says what it does', async () => {
  const metrics = defineMetrics(processMetrics).create()
  const stop = observeProcess(metrics, { thread: 'test', interval: 10 })
  const user = metrics.processCpuSeconds.labels({ mode: 'user' })
  const before = user.value
  expect(before).toBeGreaterThan(0)
  // Until the next look has found what this costs.
  const end = performance.now() + 60_000
  while (user.value === before && performance.now() < end) await turn()
  stop()
  const after = user.value
  expect(after).toBeGreaterThan(before)
  expect(after).toBeLessThanOrEqual(process.cpuUsage().user / 1e6)

  const of = { thread: 'test' }
  expect(metrics.processMemory.value).toBeGreaterThan(1 << 20)
  expect(metrics.processMemory.value).toBeLessThan(totalmem())
  expect(Math.abs(metrics.processStart.value - performance.timeOrigin / 1000)).toBeLessThan(1)
  expect(metrics.threadHeap.labels(of).value).toBeGreaterThan(1 << 20)
  expect(metrics.threadCpu.labels(of).value).toBeLessThan(info().possibleCpus + 1)
  expect(metrics.threadMigrations.labels(of).value).toBeGreaterThanOrEqual(0)
  const busy = metrics.threadUtilization.labels(of).value
  expect(busy >= 0 && busy <= 1).toBe(true)
  const [middle, most] = (['p50', 'max'] as const).map(
    (at) => metrics.eventLoopDelay.labels({ ...of, at }).value,
  )
  expect(most).toBeGreaterThanOrEqual(middle as number)
  expect(metrics.hostCpuSeconds.labels({ cpu: 0, mode: 'idle' }).value).toBeGreaterThan(0)
})

test('a process says which backend it has, and why', async () => {
  const program = `
    import { defineMetrics, observeProcess, processMetrics } from '${new URL('../lib/metrics/index.js', import.meta.url).href}'
    const metrics = defineMetrics(processMetrics).create()
    observeProcess(metrics)()
    console.log(metrics.text())`
  const samples = async (env: Record<string, string>): Promise<string[]> => {
    const args = ['--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })
    return stdout.split('\n').filter((line) => line.startsWith('rseq_info'))
  }
  const reason = 'RSEQ_BACKEND=portable'
  expect(await samples({ RSEQ_BACKEND: 'portable' })).toEqual([
    expect.stringMatching(`^rseq_info{backend="portable",tier="portable",reason="${reason}.*"} 1$`),
  ])
  const { backend, tier } = info()
  if (backend === 'native')
    expect(await samples({})).toEqual([`rseq_info{backend="${backend}",tier="${tier}",reason=""} 1`])
})

test('additions that were interrupted are counted', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  if (info().tier !== 'fast' || info().registration !== 'libc') skip('attempts are not told apart here')
  const counter = new PerCpuCounter()
  // V8's sampler interrupts this thread by a signal every 100 us.
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: 100 })
  session.post('Profiler.start')
  const before = interruptedAdditions()
  let added = 0
  const end = performance.now() + 60_000
  while (interruptedAdditions() === before && performance.now() < end) {
    for (let k = 0; k < 100_000; k++) counter.add(1)
    added += 100_000
  }
  session.disconnect()
  expect(counter.value).toBe(added)
  expect(interruptedAdditions()).toBeGreaterThan(before)

  const metrics = defineMetrics(processMetrics).create()
  observeProcess(metrics, { thread: 'test' })()
  expect(metrics.threadInterruptions.labels({ thread: 'test' }).value).toBe(interruptedAdditions())
})

/** The samples of a text: its lines without the comments. */
function samplesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('metrics without a measurement are absent in every format', async () => {
  const metrics = defineMetrics(processMetrics).create()
  expect(samplesOf(metrics.text())).toEqual([])
  expect(samplesOf(metrics.text('openmetrics'))).toEqual([])
  const pieces: unknown[] = []
  for await (const piece of metrics.expose('protobuf')) pieces.push(piece)
  expect(pieces).toEqual([])
  const registry = new Registry()
  metrics.registerInPromClient(registry)
  expect(samplesOf(await registry.metrics())).toEqual([])
})

const OF_PROCESS = [
  'process_cpu_seconds_total{mode="user"}',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
  'host_cpu_seconds_total{cpu="0",mode="idle"}',
]

/** What `programs/observe-in-worker.mjs` prints. */
interface Observed {
  text: string
  start: number
}

test.for([
  ['absent', undefined],
  ['absent', false],
  ['there', true],
] as const)('in a worker, the metrics of the process are %s where `process` is %s', async ([, isThere]) => {
  const input = { options: { thread: 'app', process: isThere } }
  const { result } = await runProgram<Observed>('observe-in-worker', { input })
  const values = new Map(samplesOf(result.text).map((line) => line.split(' ') as [string, string]))
  for (const name of OF_PROCESS) expect([name, values.has(name)]).toEqual([name, isThere === true])
  expect(values.has('nodejs_thread_heap_used_bytes{thread="app"}')).toBe(true)
  if (isThere !== true) return
  for (const name of OF_PROCESS) expect(Number(values.get(name))).toBeGreaterThan(0)
  // The worker starts after the process: both are compared with the process's own start.
  expect(Math.abs(Number(values.get('process_start_time_seconds')) - result.start)).toBeLessThan(5)
})

test.each([1, 512, 513, 1024])('a machine with %d CPUs has a series for each CPU and mode', async (count) => {
  const { result } = await runProgram<{ text: string }>('observe-cpus', { input: { count } })
  const lines = samplesOf(result.text).filter((line) => line.startsWith('host_cpu_seconds_total'))
  expect(lines).toHaveLength(5 * count)
  expect(lines.join()).not.toContain('__overflow__')
})

test.each([
  [{ interval: 0 }, 'interval: expected an integer from 10'],
  [{ interval: 1n }, 'interval: expected an integer from 10'],
  [{ thread: 5 }, 'thread: expected a string, got 5'],
  [{ process: 1 }, 'process: expected true or false, got 1'],
  [{ threads: 'a' }, "got 'threads'; did you mean 'thread'?"],
  [null, 'options: expected an object with any of thread, interval, process, got null'],
])('observeProcess refuses the options %o', (options, message) => {
  const metrics = defineMetrics(processMetrics).create()
  expect(() => observeProcess(metrics, options as never)).toThrow(message)
  expect(samplesOf(metrics.text())).toEqual([])
})

test('observeProcess refuses what has no process metrics', () => {
  for (const metrics of [null, undefined, 5, {}]) {
    expect(() => observeProcess(metrics as never)).toThrow('got some without processCpuSeconds')
  }
  const { gcDuration, ...others } = processMetrics.histograms
  expect(gcDuration).toBeDefined()
  const some = defineMetrics({ ...processMetrics, histograms: others }).create()
  expect(() => observeProcess(some as never)).toThrow('got some without gcDuration')
})
