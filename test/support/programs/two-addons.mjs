// Loads two files of the addon in one process, whose paths `files` names: the first in the main thread, the second in
// Workers. Prints whether the two exclude each other: at a stopped stack, and, if `adds` is given, on one mutex.
import { Team } from '../team.mjs'

const { files, adds } = JSON.parse(process.argv[2])
const WORKERS = 4
process.env.RSEQ_BINARY = files[0]
const { Mutex, info } = await import('../../../lib/index.js')
const { Kind, Status } = await import('../../../lib/core/layout.js')
const { backend } = await import('../../../lib/runtime/backend.js')
const second = () => ({ RSEQ_BINARY: files[1] })

// A thread of the second copy has stopped every shard, and lives. On a region of the portable backend, each push is
// behind the lock of a shard, and answers at once.
const maker = await Team.lineUp('shard-owner', 1, {
  data: () => ({ how: 'make' }),
  env: () => ({ RSEQ_BACKEND: 'portable' }),
})
const [stack] = await maker.run()
const owner = await Team.lineUp('shard-owner', 1, {
  data: () => ({ how: 'own', buffer: stack }),
  env: second,
})
const { handle } = backend.open(new Uint8Array(stack), Kind.stack)
const pushed = backend.operations.stackPush(handle, 1)
await owner.run()
const atStoppedStack = pushed === Status.busy ? 'busy' : 'pushed'
if (adds === undefined) {
  // Copies that do not know of each other may meet any error at a mutex.
  console.log(JSON.stringify({ backend: info().backend, atStoppedStack }))
  process.exit()
}

const mutex = new Mutex()
const { buffer } = mutex
const guarded = new Float64Array(new SharedArrayBuffer(24))
const counters = await Team.lineUp('locker', WORKERS, {
  data: () => ({ how: 'count', buffer, guarded, adds }),
  env: (i) => ({ RSEQ_BINARY: files[i % 2] }),
})
await counters.run()

const holder = await Team.lineUp('locker', 1, {
  data: () => ({ how: 'hold', buffer, end: 'wait' }),
  env: second,
})
const takenFromTheLiving = mutex.tryLock()
holder.go()
await holder.terminate(0)
const afterItsEnd = await mutex.lockAsync().then(
  () => 'as if it had been free',
  (error) => error.name,
)

console.log(
  JSON.stringify({
    backend: info().backend,
    atStoppedStack,
    isExact: guarded[0] === WORKERS * adds,
    takenFromTheLiving,
    afterItsEnd,
  }),
)
