/** Rcu in one thread: reads, grace periods without readers, and what is refused. */
import { expect, test, vi } from 'vitest'
import { Mutex, Rcu } from '../../lib/index.js'

test('a read returns what its function returned, and ends if it throws', async () => {
  const rcu = new Rcu()
  expect(rcu.read(() => 5)).toBe(5)
  expect(() =>
    rcu.read(() => {
      throw new Error('mine')
    }),
  ).toThrow('mine')
  rcu.synchronize()
  await rcu.synchronizeAsync()
})

test('reads may be in each other: the last unlock() ends them', async () => {
  const rcu = new Rcu()
  rcu.readLock()
  rcu.readLock()
  rcu.unlock()
  expect(() => {
    rcu.synchronize()
  }).toThrow(/inside a read of this thread would wait forever/)
  let isOver = false
  const over = rcu.synchronizeAsync().then(() => {
    isOver = true
  })
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
  expect(isOver).toBe(false)
  rcu.unlock()
  await over
  rcu.synchronize()
  expect(() => {
    rcu.unlock()
  }).toThrow(/is not inside a read/)
})

test('a read of another object of this thread is one of this thread', () => {
  const rcu = new Rcu()
  const other = Rcu.from(rcu.buffer)
  other.readLock()
  expect(() => {
    rcu.synchronize()
  }).toThrow(/would wait forever/)
  other[Symbol.dispose]()
  rcu.synchronize()
})

test('deferred functions are called in order, after the reads that had begun', async () => {
  const rcu = new Rcu()
  const called: number[] = []
  rcu.readLock()
  rcu.defer(() => called.push(1))
  rcu.defer(() => called.push(2))
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
  expect(called).toEqual([])
  rcu.unlock()
  await vi.waitFor(() => {
    expect(called).toEqual([1, 2])
  }, 60_000)
  await new Promise<void>((resolve) => {
    rcu.defer(resolve)
    rcu[Symbol.dispose]()
  })
})

test('what is refused', () => {
  expect(() => new Rcu({ threads: 0 })).toThrow(/threads: expected/)
  expect(() => new Rcu({ threads: 4097 })).toThrow(/threads: expected/)
  expect(() => new Rcu({ readers: 3 } as object)).toThrow(/readers/)
  const rcu = new Rcu()
  expect(() => rcu.read(5 as never)).toThrow(/fn: expected a function/)
  expect(() => {
    rcu.defer(undefined as never)
  }).toThrow(/fn: expected a function/)
  expect(() => rcu.read(() => Promise.resolve(1))).toThrow(
    /fn: expected a function that is done when it returns/,
  )
  rcu.synchronize()
  expect(() => Rcu.from(new Mutex().buffer)).toThrow(/Mutex\.from\(buffer\) opens it/)
  expect(() => Mutex.from(rcu.buffer)).toThrow(/Rcu\.from\(buffer\) opens it/)
  expect(() => Rcu.from(new SharedArrayBuffer(4))).toThrow(/too short/)
  for (const [word, value, message] of [
    [1, 9, /another version/],
    [2, 0, /overwritten/],
    [2, 63, /overwritten/],
    [3, 2, /overwritten/],
  ] as const) {
    const { buffer } = new Rcu()
    new Int32Array(buffer)[word] = value
    expect(() => Rcu.from(buffer)).toThrow(message)
  }
})

test('there are as many readers as it was made for; a closed object gives its slot back', () => {
  const one = new Rcu({ threads: 1 })
  const other = Rcu.from(one.buffer)
  one.read(() => undefined)
  expect(() => {
    other.readLock()
  }).toThrow(/1 threads read already/)
  one[Symbol.dispose]()
  expect(other.read(() => 1)).toBe(1)
  expect(() => {
    one.readLock()
  }).toThrow(/\[Symbol\.dispose\]/)
})

test('counts that were overwritten end no wait of a thread that lives alone', () => {
  const rcu = new Rcu({ threads: 3 })
  rcu.read(() => undefined)
  const words = new Int32Array(rcu.buffer)
  // Odd counts of slots that nobody has are those of threads that have ended.
  for (const slot of [1, 2]) words[(128 + slot * 640) / 4] = -1
  rcu.synchronize()
  rcu.synchronize()
})
