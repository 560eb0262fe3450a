/** Records `count` events of a trace, numbered from `from` on, in its thread. */
import { workerData } from 'node:worker_threads'
import { defineEvents } from '../../../lib/trace/index.js'
import { lineUp, report } from './team.mjs'

const { memory, name, schema, from, count } = workerData
const trace = defineEvents(name, schema).from(memory)

lineUp()
let recorded = 0
for (let k = from; k < from + count; k++) if (trace.numbered(k, k / 2)) recorded++
report({ recorded })
