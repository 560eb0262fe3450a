/** As stack-user.mjs, on a stack of plain loads and stores in shared memory: the control. */
import { workerData } from 'node:worker_threads'
import { hold, release } from '../tokens.mjs'
import { lineUp, report } from './team.mjs'

const { words, tokens, who, steps } = workerData
/** Between a load and the store that depends on it: long enough for the other one to come in between. */
const SPINS = 50

const wait = () => {
  for (let spin = 0; spin < SPINS; spin++) Atomics.load(tokens.holders, 0)
}

lineUp()
for (let step = 0; step < steps; step++) {
  const count = words[0]
  if (!(count >= 1 && count < words.length)) continue
  const token = words[count]
  wait()
  words[0] = count - 1
  hold(tokens, token, who)
  release(tokens, token, who)
  const room = words[0]
  if (!(room >= 0 && room + 1 < words.length)) continue
  words[room + 1] = token
  wait()
  words[0] = room + 1
}
report()
