/** What rseq/metrics says of the process and its threads. */
import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { Session } from 'node:inspector'
import { PerCpuCounter, info } from '../lib/index.js'
import { interruptedAdditions } from '../lib/counters.js'
import { defineMetrics, observeProcess, processMetrics } from '../lib/metrics/index.js'
import { machineWithSectionsOr } from './support/machine.js'
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
  expect(metrics.threadCpu.labels(of).value).toBeLessThan(info().possibleCpus)
  expect(metrics.threadMigrations.labels(of).value).toBeGreaterThanOrEqual(0)
  const busy = metrics.threadUtilization.labels(of).value
  expect(busy >= 0 && busy <= 1).toBe(true)
  const [middle, most] = (['p50', 'max'] as const).map(
    (at) => metrics.eventLoopDelay.labels({ ...of, at }).value,
  )
  expect(most).toBeGreaterThanOrEqual(middle as number)
  expect(metrics.hostCpuSeconds.labels({ cpu: 0, mode: 'idle' }).value).toBeGreaterThan(0)
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

test('observeProcess refuses an interval that is none', () => {
  const metrics = defineMetrics(processMetrics).create()
  expect(() => observeProcess(metrics, { interval: 0 })).toThrow('interval: expected an integer from 10')
})
