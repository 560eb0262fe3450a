// Measures calls that cost microseconds and that programs make now and then. tinybench times each call.
import { Bench } from 'tinybench'
import { CounterBatch, PerCpuCounter, PerCpuCounterArray, info } from '../lib/index.js'

/** Returns the microseconds of each call: [{title, median, p99, samples}]. */
export async function measureOccasional({ quick }) {
  // A fixed number of calls, not a fixed time: only the garbage collector frees the objects that they make.
  const [iterations, warmupIterations] = quick ? [20, 0] : [1000, 200]
  const bench = new Bench({ time: 0, iterations, warmupTime: 0, warmupIterations })
  const counter = new PerCpuCounter()
  const array = new PerCpuCounterArray(1000)
  const into = new Float64Array(1000)
  bench
    .add('new PerCpuCounter()', () => new PerCpuCounter())
    .add('PerCpuCounter.from(buffer)', () => PerCpuCounter.from(counter.buffer))
    .add('new PerCpuCounterArray(1000)', () => new PerCpuCounterArray(1000))
    .add('new CounterBatch(array)', () => new CounterBatch(array))
    .add('counter.bigint', () => counter.bigint)
    .add('counter.perCpu()', () => counter.perCpu())
    .add('counter.reset()', () => counter.reset())
    .add('array.snapshot(into), 1000 counters', () => array.snapshot(into))
    .add('info()', () => info())
  await bench.run()
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw result.error ?? new Error(`${name}: ${result.state}`)
    const { p50, p99, samplesCount } = result.latency
    return { title: name, median: 1000 * p50, p99: 1000 * p99, samples: samplesCount }
  })
}
