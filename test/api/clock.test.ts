/** now() and toDate(): the clock of records' times, and what the wall clock showed then. */
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { PerCpuRing, info, now, toDate } from '../../lib/index.js'
import { SuspendLog } from '../../lib/portable/clock.js'

const MILLISECOND = 1_000_000n
const SECOND = 1000n * MILLISECOND

test('it is the clock of hrtime on Node, and never goes back', () => {
  // Elsewhere hrtime starts anew in each thread.
  const isNode = info().runtime === 'node'
  let last = isNode ? process.hrtime.bigint() : now()
  for (let i = 0; i < 1000; i++) {
    const time = now()
    expect(time >= last).toBe(true)
    last = time
  }
  if (isNode) expect(process.hrtime.bigint() >= last).toBe(true)
})

test('it is the clock of records, in every thread', async () => {
  const ring = new PerCpuRing(4096)
  const before = now()
  const worker = new Worker(
    `const { PerCpuRing } = require(${JSON.stringify(new URL('../../lib/index.js', import.meta.url).pathname)})
     PerCpuRing.from(require('node:worker_threads').workerData).write(new Uint8Array(1))`,
    { eval: true, workerData: ring.buffer },
  )
  await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  ring.write(new Uint8Array(2))
  const after = now()
  let count = 0
  ring.drain(({ time }) => {
    expect(time >= before - MILLISECOND).toBe(true)
    expect(time <= after + MILLISECOND).toBe(true)
    count++
  })
  expect(count).toBe(2)
})

test('as a date, it is what the wall clock shows', () => {
  const before = Date.now()
  const date = toDate(now())
  const after = Date.now()
  expect(date).toBeInstanceOf(Date)
  // To a millisecond, and what the clock is adjusted by meanwhile.
  expect(date.getTime()).toBeGreaterThanOrEqual(before - 2)
  expect(date.getTime()).toBeLessThanOrEqual(after + 2)
  const time = now()
  const [early, late] = [toDate(time - 3600n * SECOND), toDate(time)]
  expect(Math.abs(late.getTime() - early.getTime() - 3_600_000)).toBeLessThanOrEqual(2)
})

test.each([
  ['time: expected a bigint', TypeError, 5],
  ['time: expected a bigint', TypeError, undefined],
  ['time: expected nanoseconds of 64 bits', RangeError, 2n ** 63n],
  ['time: expected nanoseconds of 64 bits', RangeError, -(2n ** 63n) - 1n],
] as const)('%s', (message, type, time) => {
  expect(() => toDate(time as never)).toThrow(type)
  expect(() => toDate(time as never)).toThrow(message)
})

test('any time of 64 bits has a date', () => {
  for (const time of [0n, 2n ** 63n - 1n, -(2n ** 63n)]) expect(toDate(time).getTime()).not.toBeNaN()
})

test('the portable backend knows what was suspended when', () => {
  const log = new SuspendLog()
  expect(log.at(7n)).toBe(0n)
  log.note(10n * SECOND, 5n * SECOND)
  expect(log.at(0n)).toBe(5n * SECOND)
  log.note(11n * SECOND, 5n * SECOND + 20n * MILLISECOND) // Hundredths of a second.
  expect(log.at(11n * SECOND)).toBe(5n * SECOND)
  log.note(12n * SECOND, 3605n * SECOND)
  expect(log.at(11n * SECOND - 1n)).toBe(5n * SECOND)
  expect(log.at(11n * SECOND)).toBe(3605n * SECOND)
  log.note(11n * SECOND, 9999n * SECOND) // Older than the last.
  expect(log.at(12n * SECOND)).toBe(3605n * SECOND)
  for (let day = 1n; day < 100n; day++) log.note(day * 86_400n * SECOND, (3605n + day * 3600n) * SECOND)
  expect(log.at(99n * 86_400n * SECOND)).toBe((3605n + 99n * 3600n) * SECOND)
})
