/** The locks of CPUs: one owner at a time for each, also if owners move or end while they hold a lock. */
import { type TestContext, expect, test } from 'vitest'
import { Mutex, OwnerDiedError, PerCpuLock, info } from '../../lib/index.js'
import { SUPPORT_FILE, supportOr } from '../support/addon.js'
import { goesWrong } from '../support/control.js'
import { machineWithSectionsOr, openHandles } from '../support/machine.js'
import { Team } from '../support/team.mjs'

const WORDS_PER_LINE = 16
const TRIES = 1000

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)

function newGuarded(lock: PerCpuLock): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * WORDS_PER_LINE * lock.length))
}

/** The word at `position` of each CPU's line. */
function column(guarded: Float64Array, position: number): number[] {
  return [...guarded].filter((_, i) => i % WORDS_PER_LINE === position)
}

test('locks of CPUs are taken and given back', () => {
  const lock = new PerCpuLock()
  expect(lock.length).toBe(info().possibleCpus + 1)
  const cpu = lock.lockThisCpu()
  expect(cpu).toBeGreaterThanOrEqual(0)
  expect(cpu).toBeLessThan(lock.length)
  lock.unlock(cpu)
  const hold = lock.holdThisCpu()
  hold[Symbol.dispose]()
  // Given back already: then there is nothing to do.
  hold[Symbol.dispose]()
  const tried = lock.tryLockThisCpu()
  expect(tried).toBeGreaterThanOrEqual(0)
  lock.unlock(tried)
})

test('a thread may have several, and each once', () => {
  const lock = new PerCpuLock()
  // It locks the CPU where it runs, as the kernel may move it to any.
  const mine = new Set<number>()
  for (let tries = 0; tries < TRIES; tries++) {
    const cpu = lock.tryLockThisCpu()
    if (cpu >= 0) {
      expect(mine.has(cpu)).toBe(false)
      mine.add(cpu)
    }
  }
  expect(mine.size).toBeGreaterThan(0)
  for (const cpu of mine) lock.unlock(cpu)
  for (const cpu of mine) {
    expect(() => {
      lock.unlock(cpu)
    }).toThrow(/^lock: expected CPU \d+ to be locked by this thread and object/)
  }
})

test('waiting for a lock that this thread has is an error, not a hang', () => {
  const lock = new PerCpuLock()
  const mine: number[] = []
  let thrown: unknown
  // Each turn takes another CPU's lock, or finds this CPU's taken.
  while (thrown === undefined && mine.length <= lock.length) {
    try {
      mine.push(lock.lockThisCpu())
    } catch (error) {
      thrown = error
    }
  }
  expect(String(thrown)).toMatch(/lock: this thread has this CPU's already/)
  for (const cpu of mine) lock.unlock(cpu)
})

test.each([
  ['nothing', undefined, TypeError],
  ['a string', '0', TypeError],
  ['a fraction', 0.5, RangeError],
  ['NaN', NaN, RangeError],
  ['less than 0', -1, RangeError],
  ['2**32', 2 ** 32, RangeError],
  ['a CPU that cannot be', 70_000, RangeError],
])('unlock(%s) is refused', (_, value, error) => {
  const lock = new PerCpuLock()
  const call = (): void => {
    lock.unlock(value as number)
  }
  expect(call).toThrow(error)
  expect(call).toThrow(new RegExp(`^cpu: expected an integer from 0 to ${lock.length - 1}, got `))
})

test('from() refuses what are no locks of CPUs', () => {
  const from = (buffer: unknown) => () => PerCpuLock.from(buffer as SharedArrayBuffer)
  for (const value of [undefined, null, 5, new PerCpuLock()]) {
    expect(from(value)).toThrow(TypeError)
    expect(from(value)).toThrow(/^buffer: expected a SharedArrayBuffer made by rseq, got /)
  }
  expect(from(new Mutex().buffer)).toThrow(/^buffer: .*holds a Mutex;/)
  const { buffer } = new PerCpuLock()
  new Uint32Array(buffer)[7] = 2
  expect(from(buffer)).toThrow(/^buffer: .*do not fit together/)
})

test.each([
  [2, 60_000],
  [8, 20_000],
  [32, 4_000],
])('%d workers add %d times to plain numbers of CPUs', async (workers, adds) => {
  const lock = new PerCpuLock()
  const guarded = newGuarded(lock)
  const team = await Team.lineUp('cpu-locker', workers, {
    data: () => ({ how: 'count', buffer: lock.buffer, guarded, adds }),
  })
  await team.run()
  expect(sum(column(guarded, 0))).toBe(workers * adds)
})

test('the control, which takes no locks, loses updates', async () => {
  const lock = new PerCpuLock()
  const isWrong = goesWrong(200_000, async (adds) => {
    const guarded = newGuarded(lock)
    const team = await Team.lineUp('cpu-locker', 8, {
      data: () => ({ how: 'count', buffer: lock.buffer, guarded, adds, locked: false }),
    })
    await team.run()
    return sum(column(guarded, 0)) < 8 * adds
  })
  expect(await isWrong).toBe(true)
})

test('workers on both backends', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const lock = new PerCpuLock()
  const guarded = newGuarded(lock)
  const adds = 3000
  const team = await Team.lineUp('cpu-locker', 4, {
    data: () => ({ how: 'count', buffer: lock.buffer, guarded, adds }),
    env: (i) => ({ RSEQ_BACKEND: i % 2 === 0 ? 'native' : 'portable', RSEQ_TIER: '' }),
  })
  await team.run()
  expect(sum(column(guarded, 0))).toBe(4 * adds)
})

/** Workers that have the locks of all CPUs where a thread of this process may be. */
async function ownersOfAll(lock: PerCpuLock, end: string, { skip }: TestContext): Promise<Team<number>> {
  const data = { how: 'hold', end, buffer: lock.buffer }
  if (info().backend !== 'native') {
    // Here each thread has another number, as far as there are numbers.
    return Team.lineUp('cpu-locker', info().possibleCpus, { data: () => data })
  }
  const cpus = supportOr(skip).getAffinity(0)
  const team = await Team.lineUp<number>('cpu-locker', cpus.length, {
    data: (i) => ({ ...data, cpu: cpus[i], supportFile: SUPPORT_FILE }),
  })
  expect(team.hellos).toEqual(cpus)
  return team
}

test.for(['terminate', 'throw', 'exit', 'return'])(
  'an owner that ends (%s) is told to the next locker, who has the lock',
  async (end, context) => {
    const lock = new PerCpuLock()
    const owners = await ownersOfAll(lock, end === 'terminate' ? 'wait' : end, context)
    const taken = new Set(owners.hellos)
    expect(taken.size).toBe(owners.hellos.length)
    expect(lock.tryLockThisCpu()).toBe(-1)
    owners.go()
    const ended =
      end === 'terminate'
        ? Promise.all(owners.hellos.map((_, i) => owners.terminate(i)))
        : owners.reports().catch(() => undefined)
    let died: unknown
    try {
      const cpu = lock.lockThisCpu()
      lock.unlock(cpu)
    } catch (error) {
      died = error
    }
    expect(died).toBeInstanceOf(OwnerDiedError)
    const { cpu } = died as OwnerDiedError
    expect(taken).toContain(cpu)
    lock.unlock(cpu as number)
    await ended
  },
)

test('workers that are terminated at random while they hold or wait', async () => {
  const ROUNDS = 8
  const WORKERS = 4
  let died = 0
  // Until an owner was among them, too, or nothing was tested.
  for (let round = 0; round < ROUNDS || (died === 0 && round < 50 * ROUNDS); round++) {
    const lock = new PerCpuLock()
    const baseline = openHandles()
    const guarded = newGuarded(lock)
    const confirmed = new Int32Array(new SharedArrayBuffer(4 * WORKERS))
    const deaths = new Int32Array(new SharedArrayBuffer(8))
    const team = await Team.lineUp('cpu-locker', WORKERS, {
      data: (slot) => ({ how: 'pairs', buffer: lock.buffer, guarded, confirmed, deaths, slot }),
    })
    team.go()
    await team.terminateAtMoments(() => sum(confirmed), 500)

    const [a, b] = [sum(column(guarded, 0)), sum(column(guarded, 1))]
    const told = Atomics.load(deaths, 0)
    expect(Atomics.load(deaths, 1)).toBe(0)
    expect(a).toBeGreaterThanOrEqual(sum(confirmed))
    expect(a).toBeLessThanOrEqual(sum(confirmed) + WORKERS)
    // A lock whose next owner has not been told yet still has the state that the dead owner left.
    expect(a - b).toBeGreaterThanOrEqual(0)
    expect(a - b).toBeLessThanOrEqual(WORKERS - told)
    died += told + (a - b)
    // Fewer where the garbage collector was here.
    expect(openHandles()).toBeLessThanOrEqual(baseline)
  }
  expect(died).toBeGreaterThan(0)
})
