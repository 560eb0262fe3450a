const { workerData } = require('node:worker_threads')
const { PerCpuCounter } = require('rseq')

const counter = PerCpuCounter.from(workerData)
for (let i = 0; i < 1000; i++) counter.add(1)
