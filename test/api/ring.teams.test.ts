/** Rings that many workers write while one thread reads: nothing is lost, nothing comes twice, torn or out of order. */
import { expect, test } from 'vitest'
import { PerCpuRing } from '../../lib/index.js'
import { SUPPORT_FILE, supportOr } from '../support/addon.js'
import { goesWrong } from '../support/control.js'
import { machineWithSectionsOr, onSectionsOr } from '../support/machine.js'
import { MessageJudge, makeMessage, readMessage } from '../support/ring-messages.mjs'
import { Team, turn } from '../support/team.mjs'
import { MOST_TURNS, backendsInTurn, pinnedTo, terminateInTurn } from '../support/team-ways.js'

const RING = 1 << 14
const FINE = { torn: 0, twice: 0, unordered: 0 }

interface Report {
  written: number
  refused: number
}

interface TeamSpec {
  workers: number
  data?: (i: number) => Record<string, unknown>
  env?: (i: number) => Record<string, string>
}

/** Lets workers write, and drains all the while; says what they report. */
async function writeAndDrain(
  ring: PerCpuRing,
  judge: MessageJudge,
  count: number,
  { workers, data = () => ({}), env = () => ({}) }: TeamSpec,
): Promise<Report[]> {
  const team = await Team.lineUp<null, Report>('ring-writer', workers, {
    data: (i) => ({ buffer: ring.buffer, who: i + 1, count, ...data(i) }),
    env,
  })
  const reports = team.run()
  const ended = reports.then(() => true)
  const see = judge.see.bind(judge)
  do ring.drain(see)
  while (!(await Promise.race([ended, turn()])))
  ring.drain(see)
  return reports
}

/** Everything written was read; everything else was counted as refused. */
function settle(ring: PerCpuRing, judge: MessageJudge, count: number, reports: readonly Report[]): void {
  expect(judge.faults).toEqual(FINE)
  expect(reports.map(({ written, refused }) => written + refused)).toEqual(reports.map(() => count))
  expect(reports.map((_, i) => judge.numbersOf(i + 1).size)).toEqual(reports.map(({ written }) => written))
  expect(ring.dropped).toBe(reports.reduce((sum, { refused }) => sum + refused, 0))
  expect(judge.read + ring.dropped).toBe(count * reports.length)
  expect(judge.read).toBeGreaterThan(0)
}

test.each([
  [2, 4000, 'cpu'],
  [8, 1000, 'cpu'],
  [8, 1000, 'concurrency'],
  [32, 400, 'cpu'],
] as const)('%d workers, %d records each, index %s', async (workers, count, index) => {
  const ring = new PerCpuRing(RING, { index })
  const judge = new MessageJudge()
  settle(ring, judge, count, await writeAndDrain(ring, judge, count, { workers }))
})

test.each([1, 2])('8 workers pinned to %d CPUs', async (width) => {
  const ring = new PerCpuRing(RING)
  const judge = new MessageJudge()
  settle(ring, judge, 2000, await writeAndDrain(ring, judge, 2000, { workers: 8, data: pinnedTo(width) }))
})

test('migrating workers: moved from CPU to CPU by this thread, which reads', async ({ skip }) => {
  onSectionsOr(skip)
  const support = supportOr(skip)
  const cpus = support.getAffinity(0)
  const ring = new PerCpuRing(RING)
  const judge = new MessageJudge()
  const workers = 4
  const moves = 400
  const team = await Team.lineUp<number, Report>('ring-writer', workers, {
    data: (i) => ({ buffer: ring.buffer, who: i + 1, supportFile: SUPPORT_FILE }),
  })
  const see = judge.see.bind(judge)
  team.go()
  for (let move = 0; move < moves; move++) {
    const thread = team.hellos[move % workers] as number
    support.setAffinity(thread, [cpus[Math.floor(move / workers) % cpus.length] as number])
    ring.drain(see)
    await turn()
  }
  team.stop()
  const reports = await team.reports()
  ring.drain(see)
  expect(judge.faults).toEqual(FINE)
  expect(reports.map((_, i) => judge.numbersOf(i + 1).size)).toEqual(reports.map(({ written }) => written))
  expect(ring.dropped).toBe(reports.reduce((sum, { refused }) => sum + refused, 0))
})

test('rings that are full nearly all the time', async () => {
  const ring = new PerCpuRing(1024)
  const judge = new MessageJudge()
  settle(ring, judge, 3000, await writeAndDrain(ring, judge, 3000, { workers: 4 }))
  expect(ring.dropped).toBeGreaterThan(0)
})

test('workers on both backends, one ring', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  onSectionsOr(skip)
  const ring = new PerCpuRing(RING)
  const judge = new MessageJudge()
  settle(ring, judge, 1500, await writeAndDrain(ring, judge, 1500, { workers: 4, env: backendsInTurn }))
})

// What a worker was told is written is there, and whole, whenever it is ended.
test('terminated workers leave what they had written', async () => {
  for (let round = 0; round < 4; round++) {
    const workers = 4
    const ring = new PerCpuRing(1 << 20, { index: round % 2 === 0 ? 'cpu' : 'concurrency' })
    const judge = new MessageJudge()
    const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
    const team = await Team.lineUp('ring-writer', workers, {
      data: (i) => ({ buffer: ring.buffer, who: i + 1, progress }),
    })
    team.go()
    const drain = () => ring.drain(judge.see.bind(judge))
    await terminateInTurn(team, workers, (i) => Atomics.load(progress, i + 1), drain)
    drain()
    expect(judge.faults).toEqual(FINE)
    let confirmed = 0
    for (let who = 1; who <= workers; who++) confirmed += Atomics.load(progress, who)
    // Each may have written one of which it did not get to know, and been refused some that it did.
    expect(judge.read + ring.dropped).toBeGreaterThanOrEqual(confirmed)
    expect(judge.read + ring.dropped).toBeLessThanOrEqual(confirmed + workers)
    expect(ring.write(new Uint8Array(8))).toBe(true)
  }
})

test('snapshots of a flight recorder while workers write, and after they were terminated', async () => {
  const workers = 4
  const ring = new PerCpuRing(RING, { policy: 'overwrite' })
  const progress = new Int32Array(new SharedArrayBuffer(4 * (workers + 1)))
  const team = await Team.lineUp('ring-writer', workers, {
    data: (i) => ({ buffer: ring.buffer, who: i + 1, progress }),
  })
  team.go()
  const look = (): MessageJudge => {
    const judge = new MessageJudge()
    for (const record of ring.snapshot()) judge.see(record)
    expect(judge.faults).toEqual(FINE)
    return judge
  }
  let seen = 0
  const isUnderWay = (): boolean => [1, 2, 3, 4].every((who) => Atomics.load(progress, who) > 2000)
  for (let turns = 0; (!isUnderWay() || seen === 0) && turns < MOST_TURNS; turns++) {
    seen += look().read
    await turn()
  }
  await Promise.all(Array.from({ length: workers }, (_, i) => team.terminate(i)))
  const last = look()
  expect(seen).toBeGreaterThan(0)
  // The last record that any of them was told is there.
  const isLast = (who: number): boolean => last.numbersOf(who).has(Atomics.load(progress, who))
  expect([1, 2, 3, 4].some(isLast)).toBe(true)
})

test('readers exclude each other, and a reader that is terminated does not stop the next', async () => {
  const ring = new PerCpuRing(1 << 16)
  const total = new Float64Array(new SharedArrayBuffer(8))
  const turns = 100
  const readers = await Team.lineUp<null, { read: number }>('ring-reader', 3, {
    data: () => ({ buffer: ring.buffer, turns, total }),
  })
  const reports = await readers.run()
  const left = ring.drain(() => 0)
  expect(reports.reduce((sum, { read }) => sum + read, left)).toBe(3 * turns)
  expect(total[0]).toBe(3 * turns - left)

  ring.write(Buffer.from('first'))
  ring.write(Buffer.from('second'))
  const inside = new Int32Array(new SharedArrayBuffer(4))
  const one = await Team.lineUp('ring-reader', 1, { data: () => ({ buffer: ring.buffer, inside }) })
  one.go()
  for (let turns = 0; Atomics.load(inside, 0) === 0 && turns < MOST_TURNS; turns++) await turn()
  await one.terminate(0)
  // It had not given back what it was at.
  const texts: string[] = []
  ring.drain(({ bytes }) => texts.push(Buffer.from(bytes).toString()))
  expect(texts.sort()).toEqual(['first', 'second'])
})

test('iterating waits for what workers write, and ends when it is told to', async () => {
  const ring = new PerCpuRing(1 << 16)
  const judge = new MessageJudge()
  const workers = 3
  const count = 300
  const team = await Team.lineUp<null, Report>('ring-writer', workers, {
    data: (i) => ({ buffer: ring.buffer, who: i + 1, count }),
  })
  const end = new AbortController()
  const reports = team.run()
  void reports.finally(() => {
    end.abort()
  })
  for await (const record of ring.records({ signal: end.signal })) judge.see(record)
  settle(ring, judge, count, await reports)
})

test('an iteration that is left leaves the rest to the next', async () => {
  const ring = new PerCpuRing(1 << 16)
  const numbers: number[] = []
  for (let number = 1; number <= 10; number++) ring.write(makeMessage(1, number))
  const note = (bytes: Uint8Array): number => numbers.push(readMessage(bytes)?.number ?? NaN)
  for await (const { bytes } of ring) if (note(bytes) === 3) break
  expect(ring.drain(({ bytes }) => note(bytes), 2)).toBe(2)
  const over = AbortSignal.abort()
  for await (const { bytes } of ring.records({ signal: over })) note(bytes)
  expect(numbers.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test('an iteration that waits is called', async () => {
  const ring = new PerCpuRing(1 << 16)
  const records = ring[Symbol.asyncIterator]()
  for (let number = 1; number <= 20; number++) {
    const next = records.next()
    await turn() // It has begun to wait, or not yet: it must come to an end in either case.
    ring.write(makeMessage(1, number))
    const { value } = await next
    expect(readMessage((value as { bytes: Uint8Array }).bytes)).toEqual({ who: 1, number })
  }
})

// Without these the tests above would prove nothing: the judge is shown each thing that can be wrong.
test('the judge sees records that are torn, duplicated, lost or out of order', () => {
  const record = (number: number, time = BigInt(number)) => ({
    ...{ bytes: makeMessage(1, number), cpu: 0, thread: 7, overflow: false },
    time,
  })
  const judged = (...records: ReturnType<typeof record>[]) => {
    const judge = new MessageJudge()
    for (const one of records) judge.see(one)
    return { ...judge.faults, count: judge.numbersOf(1).size }
  }
  expect(judged(record(1), record(2))).toEqual({ ...FINE, count: 2 })
  expect(judged(record(1), record(1))).toMatchObject({ twice: 1 })
  expect(judged(record(2), record(1))).toMatchObject({ unordered: 2 })
  expect(judged(record(1, 5n), record(2, 4n))).toMatchObject({ unordered: 1 })
  const torn = record(40)
  torn.bytes.set([7, 7, 7, 7, 7, 7, 7], torn.bytes.length - 7)
  expect(judged(torn)).toMatchObject({ torn: 1, count: 0 })
  const halves = record(1)
  halves.bytes.set(makeMessage(1, 2).subarray(0, 12))
  expect(judged(halves)).toMatchObject({ torn: 1 })
  expect(judged({ ...record(1), bytes: record(1).bytes.subarray(1) })).toMatchObject({ torn: 1 })
})

test('the control, a ring of plain loads and stores, tears records or loses them', async () => {
  const isWrong = goesWrong(5000, async (count) => {
    const buffer = new SharedArrayBuffer(8 + 2 * count * 128)
    const team = await Team.lineUp('plain-ring-writer', 2, {
      data: (i) => ({ buffer, who: i + 1, count }),
    })
    await team.run()
    const judge = new MessageJudge()
    const bytes = new Uint8Array(buffer, 8)
    const end = new Float64Array(buffer, 0, 1)[0] as number
    for (let at = 0, number = 0; at < end; number++) {
      const length = bytes[at] as number
      const copy = bytes.slice(at + 1, at + 1 + length)
      judge.see({ bytes: copy, cpu: 0, thread: 1, time: BigInt(number), overflow: false })
      at += 1 + length
    }
    const whole = judge.numbersOf(1).size + judge.numbersOf(2).size
    return judge.torn > 0 || judge.twice > 0 || whole < 2 * count
  })
  expect(await isWrong).toBe(true)
})
