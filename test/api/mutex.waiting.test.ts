/** Waiting for a mutex without blocking: in turn, with a timeout or a signal, and the warnings of long waits. */
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type CancelSignal,
  type Hold,
  Mutex,
  OwnerDiedError,
  PerCpuLock,
  TimeoutError,
} from '../../lib/index.js'
import { runProgram } from '../support/program.js'
import { Team, turn } from '../support/team.mjs'

/** Turns of the event loop after which what has not happened does not happen. */
const MANY_TURNS = 2000
/** For what must come, on a machine that has other things to do. */
const MOST_TURNS = 10_000_000

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})

async function until(isDone: () => boolean, most = MOST_TURNS): Promise<void> {
  for (let turns = 0; !isDone() && turns < most; turns++) await turn()
}

/** What has become of a promise. */
function watch(promise: Promise<unknown>): { state: string; error: unknown } {
  const seen = { state: 'waits', error: undefined as unknown }
  promise.then(
    () => (seen.state = 'done'),
    (error: unknown) => Object.assign(seen, { state: 'failed', error }),
  )
  return seen
}

/** Removes the time slices after which a waiter looks by itself, so that a waiter that is not called waits for ever. */
function withoutSlices(): void {
  const { waitAsync } = Atomics
  vi.spyOn(Atomics, 'waitAsync').mockImplementation(((words: Int32Array, at: number, value: number) =>
    waitAsync(words, at, value)) as typeof waitAsync)
  const realTimeout = setTimeout
  vi.spyOn(timers, 'setTimeout').mockImplementation(((call: () => void, ms: number, ...rest: []) =>
    realTimeout(ms === 50 ? () => undefined : call, ms, ...rest)) as typeof setTimeout)
  syncBuiltinESMExports()
}

test('tasks of a thread get the mutex in the order in which they asked', async () => {
  const mutex = new Mutex()
  mutex.lock()
  const order: number[] = []
  const tasks = Array.from({ length: 20 }, async (_, k) => {
    const hold = await mutex.lockAsync(k % 3 === 0 ? { timeout: 1e6 } : undefined)
    order.push(k)
    if (k % 2 === 0) await turn()
    hold[Symbol.dispose]()
  })
  await turn()
  expect(order).toEqual([])
  mutex.unlock()
  await Promise.all(tasks)
  expect(order).toEqual(Array.from({ length: 20 }, (_, k) => k))
})

test('a signal that is aborted ends the wait with its reason, and takes nothing from the others', async () => {
  const mutex = new Mutex()
  mutex.lock()
  const controller = new AbortController()
  const first = watch(mutex.lockAsync({ signal: controller.signal }))
  const second = watch(mutex.lockAsync())
  const reason = new Error('enough')
  controller.abort(reason)
  await until(() => first.state !== 'waits')
  expect(first).toEqual({ state: 'failed', error: reason })
  expect(second.state).toBe('waits')
  mutex.unlock()
  await until(() => second.state !== 'waits')
  expect(second.state).toBe('done')
  expect(mutex.tryLock()).toBe(false)
  mutex.unlock()
  expect(mutex.tryLock()).toBe(true)
})

test('a signal that is aborted already, any reason, and no listener that stays', async () => {
  const mutex = new Mutex()
  await expect(mutex.lockAsync({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  for (const reason of [5, null, 'text']) {
    await expect(mutex.lockAsync({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  }
  expect(mutex.tryLock()).toBe(true)

  const { signal } = new AbortController()
  const [added, removed] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')]
  const waiting = mutex.lockAsync({ signal })
  expect(added).toHaveBeenCalledTimes(1)
  mutex.unlock()
  await waiting
  expect(removed).toHaveBeenCalledTimes(1)
  mutex.unlock()
})

test('a timeout ends the wait with an error that says who has the mutex', async () => {
  const mutex = new Mutex()
  const hold = await mutex.lockAsync({ timeout: 0 })
  const error: unknown = await mutex.lockAsync({ timeout: 5 }).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(TimeoutError)
  expect(error).toMatchObject({
    name: 'TimeoutError',
    message: 'mutex: expected to be free within 5 ms; this thread has it, and has not unlocked it',
  })
  hold[Symbol.dispose]()
  const other = Mutex.from(mutex.buffer)
  expect(other.tryLock()).toBe(true)
  const later = mutex.lockAsync({ timeout: 2 ** 31 })
  other.unlock()
  await later
  expect(other.tryLock()).toBe(false)
})

test('a timeout while another thread has the mutex', async () => {
  const mutex = new Mutex()
  const team = await Team.lineUp('locker', 1, {
    data: () => ({ how: 'hold', end: 'wait', buffer: mutex.buffer }),
  })
  await expect(mutex.lockAsync({ timeout: 5 })).rejects.toThrow(
    /^mutex: .*; the worker with the threadId \d+ has it$/,
  )
  await team.terminate(0)
  await expect(mutex.lockAsync()).rejects.toBeInstanceOf(OwnerDiedError)
  mutex.unlock()
})

test.each<[string, object, RegExp]>([
  ['a timeout that is a string', { timeout: '5' }, /^timeout: expected a number of milliseconds/],
  ['a timeout below 0', { timeout: -1 }, /^timeout: expected a number of milliseconds/],
  ['a timeout of NaN', { timeout: NaN }, /^timeout: expected a number of milliseconds/],
  ['a signal that is none', { signal: {} }, /^signal: expected an AbortSignal, got \{\}/],
  [
    'a controller',
    { signal: new AbortController() },
    /^signal: expected an AbortSignal, got AbortController/,
  ],
  ['a misspelt option', { timeOut: 5 }, /^options: .*did you mean 'timeout'\?/],
])('%s is refused', async (_, options, expected) => {
  const mutex = new Mutex()
  await expect(mutex.lockAsync(options)).rejects.toThrow(expected)
  await expect(mutex.runExclusive(() => 1, options)).rejects.toThrow(expected)
  expect(mutex.tryLock()).toBe(true)
})

/** Two objects wait for one mutex, as two threads do; the first is called, and cancelled before it runs. */
async function cancelAfterCall(): Promise<string> {
  const mutex = new Mutex()
  mutex.lock()
  const controller = new AbortController()
  const first = watch(Mutex.from(mutex.buffer).lockAsync({ signal: controller.signal }))
  await turn()
  const second = watch(Mutex.from(mutex.buffer).lockAsync())
  await turn()
  mutex.unlock()
  controller.abort()
  await until(() => second.state !== 'waits', MANY_TURNS)
  expect(first.state).toBe('failed')
  return second.state
}

test('the call of a task that is cancelled goes to the next waiter', async () => {
  withoutSlices()
  expect(await cancelAfterCall()).toBe('done')
})

test('the control: a call that is not passed on leaves the next waiter waiting', async () => {
  withoutSlices()
  const { notify } = Atomics
  // The first is of unlock(); the second passes it on.
  const spy = vi
    .spyOn(Atomics, 'notify')
    .mockImplementation((...given) => (spy.mock.calls.length === 1 ? notify(...given) : 0))
  expect(await cancelAfterCall()).toBe('waits')
  expect(spy.mock.calls.length).toBe(2)
})

test('tasks that are cancelled at random leave the mutex free, and the others unhurt', async () => {
  const mutex = new Mutex()
  let [inside, granted, cancelled] = [0, 0, 0]
  await Promise.all(
    Array.from({ length: 300 }, async (_, k) => {
      const controller = new AbortController()
      for (let turns = Math.floor(Math.random() * 20); turns > 0; turns--) await turn()
      if (k % 2 === 0)
        setImmediate(() => {
          controller.abort()
        })
      const options = { signal: controller.signal }
      try {
        await mutex.runExclusive(async () => {
          expect(++inside).toBe(1)
          granted++
          await turn()
          inside--
        }, options)
      } catch (error) {
        expect(error).toMatchObject({ name: 'AbortError' })
        cancelled++
      }
    }),
  )
  expect(granted + cancelled).toBe(300)
  expect(granted).toBeGreaterThanOrEqual(150)
  expect(cancelled).toBeGreaterThan(0)
  expect(mutex.tryLock()).toBe(true)
})

test('runExclusive() of a mutex gives back what the function returns, and the mutex in any case', async () => {
  const mutex = new Mutex()
  expect(await mutex.runExclusive(() => 5)).toBe(5)
  expect(await mutex.runExclusive(() => Promise.resolve('x'))).toBe('x')
  const error = new Error('inside')
  await expect(mutex.runExclusive(() => Promise.reject(error))).rejects.toBe(error)
  await expect(
    mutex.runExclusive(() => {
      throw error
    }),
  ).rejects.toBe(error)
  let isInside = false
  await mutex.runExclusive(async () => {
    isInside = true
    await turn()
    expect(mutex.tryLock()).toBe(false)
  })
  expect(isInside).toBe(true)
  expect(mutex.tryLock()).toBe(true)
  await expect(mutex.runExclusive(5 as never)).rejects.toThrow(/^run: expected a function, got 5 \(number\)/)
})

test('runExclusive() of the locks of CPUs gives each back in any case', () => {
  const lock = new PerCpuLock()
  /** A thread takes each lock once: had one stayed, some turn would find it taken. */
  for (let turns = 0; turns < 100; turns++) {
    expect(lock.runExclusive((cpu) => cpu)).toBeLessThan(lock.length)
    expect(() =>
      lock.runExclusive(() => {
        throw new Error('inside')
      }),
    ).toThrow('inside')
    expect(() => lock.runExclusive(() => Promise.resolve())).toThrow(
      /^run: expected a function that is done when it returns, got Promise/,
    )
  }
  let taken = -1
  lock.runExclusive((cpu) => {
    taken = cpu
  })
  expect(() => {
    lock.unlock(taken)
  }).toThrow(/^lock: expected CPU \d+ to be locked/)
  expect(() => lock.runExclusive(null as never)).toThrow(/^run: expected a function .*, got null/)
})

test('a long wait in the event loop prints a warning', async () => {
  const { result, stderr } = await runProgram<{ warnings: [string, string][] }>('long-wait', {
    input: { how: 'leave' },
  })
  const text =
    /^mutex\.lockAsync\(\) has waited for 10 seconds, and goes on waiting: the worker with the threadId \d+ has it.*runExclusive\(\)/
  expect(result.warnings).toEqual([['RSEQ_LONG_WAIT', expect.stringMatching(text)]])
  expect(stderr.match(/RSEQ_LONG_WAIT/g)?.length).toBe(1)
})

test('a long wait that blocks the thread prints a warning', async () => {
  const { result, stderr } = await runProgram<{ warnings: unknown[] }>('long-wait', {
    input: { how: 'block' },
  })
  expect(result.warnings).toEqual([])
  expect(stderr.match(/RSEQ_LONG_WAIT/g)?.length).toBe(1)
  expect(stderr).toMatch(
    /mutex\.lock\(\) has waited for 10 seconds, and goes on waiting: the worker with the threadId \d+ has it/,
  )
})

test.each(['block', 'leave'])('with --no-warnings nothing is printed of a long wait (%s)', async (how) => {
  const { stderr } = await runProgram('long-wait', { input: { how }, nodeOptions: ['--no-warnings'] })
  expect(stderr).toBe('')
})

test('a mutex that is disposed of while tasks wait rejects them, and nothing else', async () => {
  const mutex = new Mutex()
  mutex.lock()
  const waits = [mutex.lockAsync(), mutex.lockAsync()]
  mutex[Symbol.dispose]()
  // A rejection of the library's own, which nobody handles, would fail this run.
  for (const wait of waits) await expect(wait).rejects.toThrow(/after its \[Symbol.dispose\]/)
})

describe('a signal of the program that throws', () => {
  /** A signal whose members do what an AbortSignal does, but for those in `broken`. */
  function signalWith(broken: object): { signal: CancelSignal; abort: () => void } {
    const controller = new AbortController()
    const { signal } = controller
    const whole: CancelSignal = {
      get aborted() {
        return signal.aborted
      },
      get reason(): unknown {
        return signal.reason as unknown
      },
      addEventListener: (type, listener) => {
        signal.addEventListener(type, listener)
      },
      removeEventListener: (type, listener) => {
        signal.removeEventListener(type, listener)
      },
    }
    Object.defineProperties(whole, Object.getOwnPropertyDescriptors(broken))
    const abort = (): void => {
      controller.abort(new Error('the reason'))
    }
    return { signal: whole, abort }
  }
  const refuse = (): never => {
    throw new Error('broken signal')
  }

  test('when its listener is removed, ends the wait as it would have ended', async () => {
    const mutex = new Mutex()
    mutex.lock()
    const { signal, abort } = signalWith({ removeEventListener: refuse })
    const [first, second, third] = [{ signal }, { signal }, {}].map((options) => mutex.lockAsync(options))
    mutex.unlock()
    const hold = (await first) as Hold
    abort()
    await expect(second).rejects.toThrow('the reason')
    hold[Symbol.dispose]()
    ;((await third) as Hold)[Symbol.dispose]()
    const timed = signalWith({ removeEventListener: refuse })
    mutex.lock()
    await expect(mutex.lockAsync({ signal: timed.signal, timeout: 1 })).rejects.toThrow(TimeoutError)
  })

  test('when a listener is added, rejects the wait and leaves no timer', async () => {
    const mutex = new Mutex()
    mutex.lock()
    const { signal } = signalWith({ addEventListener: refuse })
    const clear = vi.spyOn(timers, 'clearTimeout')
    syncBuiltinESMExports()
    await expect(mutex.lockAsync({ signal, timeout: 1e6 })).rejects.toThrow('broken signal')
    expect(clear.mock.calls.flat()).toContainEqual(expect.objectContaining({ _idleTimeout: -1 }))
    mutex.unlock()
    expect(mutex.tryLock()).toBe(true)
  })

  test('when its reason is read, rejects the wait with that error', async () => {
    const mutex = new Mutex()
    mutex.lock()
    const { signal, abort } = signalWith(
      Object.defineProperty({}, 'reason', { get: refuse, enumerable: true }),
    )
    const waiting = mutex.lockAsync({ signal })
    abort()
    await expect(waiting).rejects.toThrow('broken signal')
  })
})

test('a mutex that is disposed of in runExclusive() is given back when the function has ended, and closed then', async () => {
  const mutex = new Mutex()
  const other = Mutex.from(mutex.buffer)
  const waiting: Promise<unknown>[] = []
  const answer = await mutex.runExclusive(async () => {
    waiting.push(mutex.lockAsync())
    mutex[Symbol.dispose]()
    mutex[Symbol.dispose]()
    await expect(mutex.lockAsync()).rejects.toThrow('one after its [Symbol.dispose]()')
    await turn()
    expect(other.tryLock()).toBe(false)
    return 7
  })
  expect(answer).toBe(7)
  expect(other.tryLock()).toBe(true)
  expect(() => mutex.tryLock()).toThrow('one after its [Symbol.dispose]()')
  await expect(waiting[0]).rejects.toThrow('one after its [Symbol.dispose]()')
  const failing = new Mutex()
  const failed = failing.runExclusive(() => {
    failing[Symbol.dispose]()
    throw new Error('of the function')
  })
  await expect(failed).rejects.toThrow('of the function')
  expect(Mutex.from(failing.buffer).tryLock()).toBe(true)
})
