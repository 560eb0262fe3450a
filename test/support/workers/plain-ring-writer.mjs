/** As ring-writer.mjs, into one ring of plain loads and stores in shared memory: the control. */
import { workerData } from 'node:worker_threads'
import { makeMessage } from '../ring-messages.mjs'
import { lineUp, report } from './team.mjs'

const { buffer, who, count } = workerData
const head = new Float64Array(buffer, 0, 1)
const bytes = new Uint8Array(buffer, 8)

lineUp()
for (let number = 1; number <= count; number++) {
  const message = makeMessage(who, number)
  const at = head[0]
  bytes[at] = message.length
  for (let i = 0; i < message.length; i++) bytes[at + 1 + i] = message[i]
  head[0] = at + 1 + message.length
}
report()
