/** The owner of a lock or a stopped CPU may end, be collected, or never have existed: others then take over. */
import { expect, onTestFinished, test } from 'vitest'
import { Mutex, OwnerDiedError, PerCpuArray, PerCpuLock, PerCpuStack, info } from '../../lib/index.js'
import { Kind, Status } from '../../lib/core/layout.js'
import { portableOwner } from '../../lib/core/owner.js'
import { setPatience } from '../../lib/portable/ownership.js'
import { backend } from '../../lib/runtime/backend.js'
import { onSectionsOr } from '../support/machine.js'
import { runProgram } from '../support/program.js'
import { wordsOfShards } from '../support/shards.js'
import { Team, turn } from '../support/team.mjs'

const CPUS = Array.from({ length: info().possibleCpus }, (_, cpu) => cpu)

test('a hold gives back the mutex as it was taken then, and not as it was taken later', async () => {
  const mutex = new Mutex()
  const first = mutex.lock()
  mutex.unlock()
  const second = await mutex.lockAsync()
  first[Symbol.dispose]()
  expect(mutex.tryLock()).toBe(false)
  second[Symbol.dispose]()
  const third = mutex.lock()
  for (const stale of [first, second, second]) stale[Symbol.dispose]()
  expect(mutex.tryLock()).toBe(false)
  third[Symbol.dispose]()
  expect(mutex.tryLock()).toBe(true)
  for (const stale of [first, second, third]) stale[Symbol.dispose]()
  expect(mutex.tryLock()).toBe(false)
  mutex.unlock()
})

test('a task that gives the mutex back early does not end the turn of the next one', async () => {
  const mutex = new Mutex()
  let inside = 0
  let most = 0
  const critical = async (turns: number): Promise<void> => {
    most = Math.max(most, ++inside)
    for (let k = 0; k < turns; k++) await turn()
    inside--
  }
  const early = async (): Promise<void> => {
    const hold = await mutex.lockAsync()
    await critical(3)
    mutex.unlock()
    for (let k = 0; k < 300; k++) await turn()
    hold[Symbol.dispose]()
  }
  const long = async (): Promise<void> => {
    const hold = await mutex.lockAsync()
    await critical(1000)
    hold[Symbol.dispose]()
  }
  await Promise.all([early(), long(), long()])
  expect(most).toBe(1)
})

test('a hold of a CPU gives that lock back once', () => {
  const lock = new PerCpuLock()
  const stale = lock.holdThisCpu()
  lock.unlock(stale.cpu)
  // Until the thread has that lock again, it may be moved: all are taken that come.
  const later: number[] = []
  for (let tries = 0; tries < 10_000 && !later.includes(stale.cpu); tries++) {
    const cpu = lock.tryLockThisCpu()
    if (cpu >= 0) later.push(cpu)
  }
  expect(later).toContain(stale.cpu)
  stale[Symbol.dispose]()
  lock.unlock(stale.cpu)
  stale[Symbol.dispose]()
  expect(() => {
    lock.unlock(stale.cpu)
  }).toThrow(/expected CPU \d+ to be locked/)
})

test('a lock whose object is collected stays taken as long as its thread lives', async () => {
  const { result } = await runProgram('collected-locks', { nodeOptions: ['--expose-gc'] })
  expect(result).toEqual({
    gone: [true, true, true],
    again: false,
    whileItLives: false,
    afterItsEnd: 'OwnerDiedError',
    taken: true,
  })
})

const NOBODY = [
  0x7fffffffn,
  0xffffffffn,
  1n,
  5n,
  4_000_000n,
  1n << 31n,
  1n << 32n,
  1n << 52n,
  1n << 62n,
  -1n,
  -(1n << 63n),
  BigInt(portableOwner(1, 2 ** 28 - 2)),
  BigInt(portableOwner(2, 77)),
]

test.each(NOBODY)('a stop word that no owner can have written (%s) stops no thread', (word) => {
  const stack = new PerCpuStack(4)
  const words = wordsOfShards(stack)
  for (const shard of words) shard[1] = word
  for (const cpu of CPUS) {
    expect(stack.pushTo(cpu, 1)).toBe(true)
    expect(stack.onCpu(cpu, (owned) => owned.pop())).toBe(1)
  }
  for (const shard of words.slice(0, CPUS.length)) expect(shard[1]).toBe(0n)
})

test.each(NOBODY)('a mutex whose owner cannot exist (%s) is taken over', async (word) => {
  const mutex = new Mutex()
  const words = wordsOfShards(mutex)
  ;(words[0] as BigInt64Array)[0] = word
  // One thing cannot be known: whether a thread lives of which no table is left.
  if (word === BigInt(portableOwner(2, 77))) {
    expect(mutex.tryLock(100)).toBe(false)
    return
  }
  // If the lower half names no owner, the portable backend finds the mutex free.
  const taken = await mutex.lockAsync().then(
    () => info().backend === 'portable' && BigInt.asUintN(32, word) === 0n,
    (error: unknown) => error instanceof OwnerDiedError,
  )
  expect(taken).toBe(true)
  expect(mutex.tryLock()).toBe(false)
  mutex.unlock()
  expect(words[0]?.[0]).toBe(0n)
})

test('a word that another owner has written since is not cleared', () => {
  const array = new PerCpuArray(1)
  const words = wordsOfShards(array)
  let stopped = 0n
  array.onCpu(0, () => {
    const word = words[0] as BigInt64Array
    stopped = word[0] as bigint
    word[0] = 0x123n
  })
  expect(stopped).not.toBe(0n)
  expect(words[0]?.[0]).toBe(0x123n)
})

test('an owner that ends is found out by a thread that has no table in common with it', async () => {
  const { result } = await runProgram('unrelated-threads', { env: { RSEQ_BACKEND: info().backend } })
  expect(result).toEqual({ pushed: true, popped: 1, backend: info().backend })
})

test('a Worker that ends is struck off the table, with the Workers that it had started', async () => {
  const { result } = await runProgram('struck-off')
  expect(result).toEqual({ before: [1, 2, 3, 0], after: [1, -2, -3, 0] })
})

test('an operation that finds an owner answers at once, and the waiting one gets its turn', async ({
  skip,
}) => {
  onSectionsOr(skip)
  // On a region of the portable backend, all shards are behind their locks.
  const maker = await Team.lineUp<null, SharedArrayBuffer>('shard-owner', 1, {
    data: () => ({ how: 'make' }),
    env: () => ({ RSEQ_BACKEND: 'portable', RSEQ_TIER: '' }),
  })
  const [buffer] = (await maker.run()) as [SharedArrayBuffer]
  const owner = await Team.lineUp('shard-owner', 1, { data: () => ({ how: 'own', buffer }) })
  const stack = PerCpuStack.from(buffer)
  const opened = backend.open(new Uint8Array(buffer), Kind.stack)
  if (typeof opened === 'number') throw new Error(`refused: ${opened}`)
  // The owner lives, and lets nothing go before it is told to.
  expect(backend.operations.stackPush(opened.handle, 1)).toBe(Status.busy)
  expect(backend.operations.stackTryPush(opened.handle, 1)).toBe(Status.busy)
  owner.go()
  expect(stack.push(1)).toBe(true)
  await owner.reports()
  expect(stack.size).toBe(1)
})

test('an owner that lives and never lets go is waited for, but not for ever', async () => {
  // The addon has ten seconds, and nothing here that would shorten them.
  setPatience(20)
  onTestFinished(() => {
    setPatience(10_000)
  })
  const maker = await Team.lineUp<null, SharedArrayBuffer>('shard-owner', 1, {
    data: () => ({ how: 'make' }),
  })
  const [buffer] = (await maker.run()) as [SharedArrayBuffer]
  const owner = await Team.lineUp('shard-owner', 1, { data: () => ({ how: 'own', buffer }) })
  const stack = PerCpuStack.from(buffer)
  expect(() => stack.onCpu(0, (owned) => owned.pop())).toThrow(/another thread/)
  await owner.run()
  expect(stack.onCpu(0, (owned) => owned.size)).toBe(0)
})
