// Loads two copies of the package in one process, and counts with both on the same regions: in the main
// thread, in Workers that have one of them, and in Workers that have both.
import { Team } from '../team.mjs'

const { urls } = JSON.parse(process.argv[2])
const WORKERS = 6
const ADDS = 60_000

const [first, second] = await Promise.all(urls.map((url) => import(url)))
const counter = new first.PerCpuCounter()
const doubles = new second.PerCpuCounterArray(3, { type: 'f64' })

const team = await Team.lineUp('two-copies', WORKERS, {
  // Each of them registers first in some Worker.
  data: (i) => ({
    urls: [urls, [...urls].reverse(), [urls[0]], [urls[1]]][i % 4],
    counter: counter.buffer,
    doubles: doubles.buffer,
    adds: ADDS,
  }),
})
const running = team.run()
const mine = [first, second].map(({ PerCpuCounter }) => PerCpuCounter.from(counter.buffer))
const theirs = [first, second].map(({ PerCpuCounterArray }) => PerCpuCounterArray.from(doubles.buffer))
for (let i = 0; i < ADDS; i++) {
  mine[i % 2].increment()
  theirs[i % 2].add(i % 3, 0.5)
}
const workers = await running

console.log(
  JSON.stringify({
    main: [first.info(), second.info()],
    workers,
    counted: mine.map(({ value }) => value),
    counts: theirs.map((counters) => [...counters.snapshot()]),
    expected: (WORKERS + 1) * ADDS,
  }),
)
