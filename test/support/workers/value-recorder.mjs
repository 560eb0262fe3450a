/**
 * Records values of 1000 until it is terminated: by a call of a histogram, as `how` says, or `apart`, by two additions of
 * its own, between which it can be ended.
 */
import { workerData } from 'node:worker_threads'
import { PerCpuHistogram } from '../../../lib/index.js'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { service } from '../metrics-schema.mjs'
import { lineUp } from './team.mjs'

const { buffer, how, words } = workerData
const MOST = 1e9

function recorderFor() {
  if (how === 'apart') {
    return () => {
      Atomics.add(words, 0, 1n)
      Atomics.add(words, 1, 1000n)
    }
  }
  if (how === 'observe') {
    const { seen } = defineMetrics({ histograms: { seen: { help: 'Values' } } }).open(buffer)
    return () => {
      seen.observe(1000)
    }
  }
  if (how === 'batch') {
    const metrics = service.open(buffer)
    const { size, seconds, bytes, duration } = metrics
    const batch = metrics.batch(size, seconds, bytes, duration.labels({ route: '/' }))
    return () => {
      batch.commit(1000, 0.5, 1, 1000)
    }
  }
  const histogram = PerCpuHistogram.from(buffer)
  const values = new Float64Array(100).fill(1000)
  const recorders = {
    record: () => {
      histogram.record(1000)
    },
    recordMany: () => {
      histogram.recordMany(values)
    },
  }
  if (how !== 'merge') return recorders[how]
  const source = new PerCpuHistogram({ digits: 2 })
  source.recordMany(values)
  const snapshot = source.snapshot()
  return () => {
    histogram.merge(snapshot)
  }
}

const record = recorderFor()
lineUp()
for (let i = 1; i <= MOST; i++) {
  record()
  Atomics.add(words, 2, 1n)
}
