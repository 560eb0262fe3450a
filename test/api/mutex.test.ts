/** One at a time, across threads; and what becomes of a mutex whose owner ends. */
import { expect, test } from 'vitest'
import { Mutex, OwnerDiedError, PerCpuCounter, info } from '../../lib/index.js'
import { goesWrong } from '../support/control.js'
import { machineWithSectionsOr, openHandles } from '../support/machine.js'
import { runProgram } from '../support/program.js'
import { Team, turn } from '../support/team.mjs'

/** For what must come, on a machine that has other things to do. */
const PATIENCE_MS = 60_000

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)
const newGuarded = (): Float64Array => new Float64Array(new SharedArrayBuffer(24))

test('lock and unlock, tryLock, and the object for `using`', () => {
  const mutex = new Mutex()
  const hold = mutex.lock()
  expect(mutex.tryLock()).toBe(false)
  mutex.unlock()
  expect(mutex.tryLock(0)).toBe(true)
  // Given back already: the mutex was taken another time since.
  hold[Symbol.dispose]()
  expect(mutex.tryLock()).toBe(false)
  mutex.unlock()
  const next = mutex.lock()
  next[Symbol.dispose]()
  next[Symbol.dispose]()
  expect(mutex.tryLock(Infinity)).toBe(true)
  expect(mutex.tryLock(Infinity)).toBe(false)
  mutex.unlock()
})

test('unlocking a free mutex and locking twice are errors', async () => {
  const mutex = new Mutex()
  expect(() => {
    mutex.unlock()
  }).toThrow(/^mutex: expected to be locked by this thread and object/)
  mutex.lock()
  expect(() => mutex.lock()).toThrow(/^mutex: this thread has it already/)
  // Another object opens the mutex, for another owner.
  const other = Mutex.from(mutex.buffer)
  expect(() => {
    other.unlock()
  }).toThrow(/^mutex: expected to be locked/)
  expect(() => other.lock()).toThrow(/^mutex: this thread has it already/)
  expect(other.tryLock(10)).toBe(false)
  const later = other.lockAsync()
  mutex.unlock()
  const hold = await later
  expect(() => {
    mutex.unlock()
  }).toThrow(/^mutex: expected to be locked/)
  hold[Symbol.dispose]()
  expect(() => {
    other.unlock()
  }).toThrow(/^mutex: expected to be locked/)
})

test.each([
  ['null', null, TypeError],
  ['a string', '10', TypeError],
  ['a bigint', 1n, TypeError],
  ['NaN', NaN, RangeError],
  ['less than 0', -1, RangeError],
])('tryLock(%s) is refused', (_, value, error) => {
  const mutex = new Mutex()
  const call = (): boolean => mutex.tryLock(value as number)
  expect(call).toThrow(error)
  expect(call).toThrow(/^timeoutMs: expected a number of milliseconds, 0 or more, got /)
  expect(mutex.tryLock()).toBe(true)
})

test('from() refuses values that are no mutexes', () => {
  const from = (buffer: unknown) => () => Mutex.from(buffer as SharedArrayBuffer)
  for (const value of [undefined, null, 5, new ArrayBuffer(1024), new Mutex()]) {
    expect(from(value)).toThrow(TypeError)
    expect(from(value)).toThrow(/^buffer: expected a SharedArrayBuffer made by rseq, got /)
  }
  expect(from(new SharedArrayBuffer(63))).toThrow(/^buffer: .*too short/)
  expect(from(new SharedArrayBuffer(4096))).toThrow(/^buffer: .*was not made by rseq/)
  expect(from(new PerCpuCounter().buffer)).toThrow(/^buffer: .*holds a PerCpuCounter;/)
  expect(() => PerCpuCounter.from(new Mutex().buffer)).toThrow(/holds a Mutex;/)
  const { buffer } = new Mutex()
  new Uint32Array(buffer)[7] = 2
  expect(from(buffer)).toThrow(/^buffer: .*do not fit together/)
})

test.each([
  [1, 200_000],
  [2, 100_000],
  [8, 20_000],
])('%d workers add %d times to a plain number', async (workers, adds) => {
  const mutex = new Mutex()
  const guarded = newGuarded()
  const data = (): Record<string, unknown> => ({ how: 'count', buffer: mutex.buffer, guarded, adds })
  const team = await Team.lineUp('locker', workers, { data })
  await team.run()
  expect(guarded[0]).toBe(workers * adds)
})

test('the control, which takes no lock, loses updates', async () => {
  const guarded = newGuarded()
  const { buffer } = new Mutex()
  const isWrong = goesWrong(100_000, async (adds) => {
    guarded[0] = 0
    const data = (): Record<string, unknown> => ({ how: 'count', buffer, guarded, adds, locked: false })
    const team = await Team.lineUp('locker', 4, { data })
    await team.run()
    return guarded[0] < 4 * adds
  })
  expect(await isWrong).toBe(true)
})

test('workers on both backends and the main thread, one mutex', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const mutex = new Mutex()
  const guarded = newGuarded()
  const adds = 3000
  const team = await Team.lineUp('locker', 4, {
    data: () => ({ how: 'count', buffer: mutex.buffer, guarded, adds }),
    env: (i) => ({ RSEQ_BACKEND: i % 2 === 0 ? 'native' : 'portable', RSEQ_TIER: '' }),
  })
  const reports = team.run()
  for (let i = 0; i < 100; i++) {
    const hold = await mutex.lockAsync()
    guarded[0] = (guarded[0] as number) + 1
    hold[Symbol.dispose]()
  }
  await reports
  expect(guarded[0]).toBe(4 * adds + 100)
})

test('lockAsync() while workers contend: one at a time, and the event loop goes on', async () => {
  const mutex = new Mutex()
  const guarded = newGuarded()
  const adds = 10_000
  const data = (): Record<string, unknown> => ({ how: 'count', buffer: mutex.buffer, guarded, adds })
  const team = await Team.lineUp('locker', 4, { data })
  const reports = team.run()
  const task = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      await mutex.lockAsync()
      const before = guarded[0] as number
      await turn() // Others of this thread have their turn, too, and must wait.
      guarded[0] = before + 1
      mutex.unlock()
    }
  }
  await Promise.all([task(), task(), task()])
  await reports
  expect(guarded[0]).toBe(4 * adds + 300)
})

test('a mutex that is held until the event loop of the one who waits has turned', async () => {
  const mutex = new Mutex()
  const data = (): Record<string, unknown> => ({ how: 'hold', end: 'unlock', buffer: mutex.buffer })
  const team = await Team.lineUp('locker', 1, { data })
  const waiting = mutex.lockAsync()
  for (let i = 0; i < 100; i++) await turn()
  expect(mutex.tryLock()).toBe(false)
  expect(mutex.tryLock(5)).toBe(false)
  team.go()
  await waiting
  mutex.unlock()
  await team.reports()
})

test('a waiting tryLock() gets a mutex that is unlocked in time', async () => {
  const mutex = new Mutex()
  const data = (): Record<string, unknown> => ({
    how: 'hold',
    end: 'unlock',
    buffer: mutex.buffer,
    waits: 20,
  })
  const team = await Team.lineUp('locker', 1, { data })
  team.go()
  expect(mutex.tryLock(PATIENCE_MS)).toBe(true)
  mutex.unlock()
  await team.reports()
})

/** A worker that has the mutex, and is on its way to end as `end` says. */
async function ownerThatEnds(mutex: Mutex, end: string): Promise<{ ended: Promise<unknown> }> {
  const data = (): Record<string, unknown> => ({
    how: 'hold',
    end: end === 'terminate' ? 'wait' : end,
    buffer: mutex.buffer,
  })
  const team = await Team.lineUp('locker', 1, { data })
  team.go()
  // Of one that throws, the report fails before the thread has ended; only terminate() tells when it has.
  const gone = end === 'terminate' ? Promise.resolve() : team.reports().then(undefined, () => undefined)
  return { ended: gone.then(() => team.terminate(0)) }
}

test.each(['terminate', 'throw', 'exit', 'return'])(
  'an owner that ends (%s) is told to the next locker, who has the mutex',
  async (end) => {
    const mutex = new Mutex()
    const lockers = [
      () => mutex.lock(),
      () => mutex.tryLock(PATIENCE_MS),
      async () => mutex.lockAsync(),
      async () => {
        await Promise.resolve()
        return mutex.lock()
      },
    ]
    for (const lock of lockers) {
      const { ended } = await ownerThatEnds(mutex, end)
      // Blocks this thread, or waits: in both cases while the worker ends.
      const thrown: unknown = await new Promise((resolve) => {
        void (async () => {
          await lock()
        })().then(resolve, resolve)
      })
      expect(thrown).toBeInstanceOf(OwnerDiedError)
      expect((thrown as Error).name).toBe('OwnerDiedError')
      expect(mutex.tryLock()).toBe(false)
      mutex.unlock()
      // Told once.
      expect(mutex.tryLock()).toBe(true)
      mutex.unlock()
      await ended
    }
  },
)

test.for(['terminate', 'throw', 'exit', 'return'])(
  'the mutex of an owner that has ended (%s) is locked at once, in the first attempt',
  async (end, { skip }) => {
    skip(
      info().backend === 'portable' && end === 'terminate',
      'a thread that is terminated runs no JavaScript: the portable backend finds out by waiting',
    )
    const mutex = new Mutex()
    const { ended } = await ownerThatEnds(mutex, end)
    await ended
    expect(() => mutex.tryLock()).toThrow(OwnerDiedError)
    mutex.unlock()
  },
)

test('an owner that ends is told to one of those that wait already', async () => {
  const mutex = new Mutex()
  const hold = mutex.lock()
  const data = (): Record<string, unknown> => ({ how: 'wait', buffer: mutex.buffer })
  const team = await Team.lineUp<null, string | null>('locker', 3, { data })
  hold[Symbol.dispose]()
  const { ended } = await ownerThatEnds(mutex, 'exit')
  const names = await team.run()
  await ended
  expect(names.filter((name) => name !== null)).toEqual(['OwnerDiedError'])
})

test('workers that are terminated at random while they hold or wait', async () => {
  const ROUNDS = 8
  const WORKERS = 4
  let died = 0
  // Until an owner was among them, too, or nothing was tested.
  for (let round = 0; round < ROUNDS || (died === 0 && round < 50 * ROUNDS); round++) {
    const mutex = new Mutex()
    const baseline = openHandles()
    const guarded = newGuarded()
    const confirmed = new Int32Array(new SharedArrayBuffer(4 * WORKERS))
    const deaths = new Int32Array(new SharedArrayBuffer(8))
    const team = await Team.lineUp('locker', WORKERS, {
      data: (slot) => ({ how: 'pairs', buffer: mutex.buffer, guarded, confirmed, deaths, slot }),
    })
    team.go()
    await team.terminateAtMoments(() => sum(confirmed), 500)

    const [a = 0, b = 0] = guarded
    const last = await mutex.lockAsync().then(
      () => 0,
      (error: unknown) => {
        expect(error).toBeInstanceOf(OwnerDiedError)
        return 1
      },
    )
    // If no owner died, both numbers are equal; otherwise only the owner that died may have missed an addition.
    if (last === 0) expect(a).toBe(b)
    expect(a - b).toBeGreaterThanOrEqual(0)
    expect(a - b).toBeLessThanOrEqual(1)
    expect(Atomics.load(deaths, 1)).toBe(0)
    expect(a).toBeGreaterThanOrEqual(sum(confirmed))
    expect(a).toBeLessThanOrEqual(sum(confirmed) + WORKERS)
    const told = Atomics.load(deaths, 0) + last
    expect(told).toBeLessThanOrEqual(WORKERS)
    died += told
    mutex.unlock()
    // Fewer where the garbage collector was here.
    expect(openHandles()).toBeLessThanOrEqual(baseline)
  }
  expect(died).toBeGreaterThan(0)
})

test('a waiting lockAsync() keeps the process running', async () => {
  const { result } = await runProgram<{ locked: boolean }>('lock-async')
  expect(result).toEqual({ locked: true })
})

test('a mutex whose words are overwritten while it is used: errors perhaps, no crash, no hang', async () => {
  const { result } = await runProgram<Record<string, number> & { problems: string[] }>('scribbled-mutex')
  expect(result.problems).toEqual([])
  expect(result['locked']).toBeGreaterThan(0)
  expect(result['scribbles']).toBeGreaterThan(0)
})
