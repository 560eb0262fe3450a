/** What rseq/metrics says of the process and its threads. */
import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { info } from '../lib/index.js'
import { defineMetrics, observeProcess, processMetrics } from '../lib/metrics/index.js'
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

test('observeProcess refuses an interval that is none', () => {
  const metrics = defineMetrics(processMetrics).create()
  expect(() => observeProcess(metrics, { interval: 0 })).toThrow('interval: expected an integer from 10')
})
