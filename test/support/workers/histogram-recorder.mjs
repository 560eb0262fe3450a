/** Records `base` + k for k below `count`, every other thousand by recordMany. */
import { workerData } from 'node:worker_threads'
import { PerCpuHistogram } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, base, count } = workerData
const histogram = PerCpuHistogram.from(buffer)

lineUp()
for (let start = 0; start < count; start += 1000) {
  const values = Float64Array.from({ length: 1000 }, (_, k) => base + start + k)
  if (start % 2000 === 0) histogram.recordMany(values)
  else for (const value of values) histogram.record(value)
}
report()
