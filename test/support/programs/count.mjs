// Counts with 8 Workers and, on another counter, with 4 that are terminated on the way. Prints what each
// thread ran on and the totals. With `refuse`, the kernel refuses the rseq call with that errno, `when`
// before the package is loaded or after.
import { createRequire } from 'node:module'
import { Team, turn } from '../team.mjs'

const { refuse } = JSON.parse(process.argv[2]) ?? {}
const WORKERS = 8
const ADDS = 50_000
const TERMINATED = 4
const MOST_TURNS = 10_000_000

const filter = () => createRequire(import.meta.url)(refuse.supportFile).refuseRseq(refuse.errno)

if (refuse?.when === 'before') filter()
const { PerCpuCounter, info } = await import('../../../lib/index.js')
if (refuse?.when === 'after') filter()

const counter = new PerCpuCounter()
const team = await Team.lineUp('adder', WORKERS, { data: () => ({ buffer: counter.buffer, adds: ADDS }) })
const running = team.run()
for (let i = 0; i < ADDS; i++) counter.increment()
const workers = await running

const interrupted = new PerCpuCounter()
const confirmed = new Int32Array(new SharedArrayBuffer(4 * TERMINATED))
const doomed = await Team.lineUp('confirmer', TERMINATED, {
  data: (slot) => ({ buffer: interrupted.buffer, confirmed, slot }),
})
doomed.go()
for (let i = 0; i < TERMINATED; i++) {
  for (let turns = 0; Atomics.load(confirmed, i) < 1000 * i + 1 && turns < MOST_TURNS; turns++) await turn()
  await doomed.terminate(i)
}

console.log(
  JSON.stringify({
    main: info(),
    workers,
    counted: counter.value,
    expected: (WORKERS + 1) * ADDS,
    overflow: counter.overflow,
    terminated: { counted: interrupted.value, confirmed: [...confirmed], workers: TERMINATED },
  }),
)
