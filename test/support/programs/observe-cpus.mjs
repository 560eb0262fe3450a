// Observes a process on a machine that says that it has `count` CPUs; prints the text.
import os from 'node:os'
import { syncBuiltinESMExports } from 'node:module'

const { count } = JSON.parse(process.argv[2])
os.cpus = () =>
  Array.from({ length: count }, () => ({ times: { user: 1, nice: 1, sys: 1, idle: 1, irq: 1 } }))
syncBuiltinESMExports()
const { defineMetrics, observeProcess, processMetrics } = await import('../../../lib/metrics/index.js')
const metrics = defineMetrics(processMetrics).create()
observeProcess(metrics)()
console.log(JSON.stringify({ text: metrics.text() }))
