/** Pushes every node of every list, as all workers of the team do at the same time, and reports how many were accepted. */
import { workerData } from 'node:worker_threads'
import { PerCpuList } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const lists = workerData.buffers.map((buffer) => PerCpuList.from(buffer))

/** 1 if the list has taken the node, 0 if the node was on it already. */
function tryPush(list, node) {
  try {
    list.push(node)
    return 1
  } catch (error) {
    if (!/which was pushed already$/.test(error.message)) throw error
    return 0
  }
}

lineUp()
let accepted = 0
for (const list of lists) for (let node = 0; node < list.nodes; node++) accepted += tryPush(list, node)
report({ accepted })
