/** PerCpuStack in one thread: what goes in comes out, bounds, and wrong arguments. */
import { expect, test } from 'vitest'
import { PerCpuCounter, PerCpuStack, info } from '../../lib/index.js'
import { pinned } from '../support/pinned.js'

test('values come back last first, bit for bit', ({ skip }) => {
  pinned(skip, () => {
    for (const index of ['cpu', 'concurrency'] as const) {
      const values = [1, 0.1, -0, 2 ** 53, 5e-324, -Number.MAX_VALUE, 2 ** 31]
      const stack = new PerCpuStack(10, { index })
      expect(stack.pop()).toBe(undefined)
      expect(values.map((value) => stack.push(value))).toEqual(values.map(() => true))
      expect(stack.size).toBe(values.length)
      expect(values.map(() => stack.pop())).toEqual(values.toReversed())
      expect(stack.pop()).toBe(undefined)
      expect(stack.size).toBe(0)
    }
  })
})

test('a stack that is full says so, and one that is popped has room again', ({ skip }) => {
  pinned(skip, () => {
    const stack = new PerCpuStack(2)
    expect([stack.push(1), stack.push(2), stack.push(3)]).toEqual([true, true, false])
    expect([stack.pop(), stack.push(4), stack.push(5)]).toEqual([2, true, false])
    expect([stack.pop(), stack.pop(), stack.pop()]).toEqual([4, 1, undefined])
    expect(stack.capacity).toBe(2)
  })
})

test('many at once: as many as fit, as many as there are', ({ skip }) => {
  pinned(skip, () => {
    const stack = new PerCpuStack(5)
    expect(stack.pushMany(Float64Array.of(1, 2, 3))).toBe(3)
    expect(stack.pushMany(Float64Array.of(4, 5, 6), 1)).toBe(1)
    expect(stack.pushMany(Float64Array.of(7, 8, 9))).toBe(1)
    expect(stack.pushMany(Float64Array.of(10))).toBe(0)
    const into = new Float64Array(4)
    expect(stack.popMany(into, 2)).toBe(2)
    expect([...into]).toEqual([7, 4, 0, 0])
    expect(stack.popMany(into)).toBe(3)
    expect([...into.subarray(0, 3)]).toEqual([3, 2, 1])
    // Only what was popped has been written.
    const before = [...into]
    expect(stack.popMany(into)).toBe(0)
    expect([...into]).toEqual(before)
    stack.push(7)
    expect(stack.popMany(into)).toBe(1)
    expect([...into]).toEqual([7, ...before.slice(1)])
    expect(stack.pushMany(new Float64Array(0))).toBe(0)
  })
})

test('one refused value, and none of many is pushed', () => {
  const stack = new PerCpuStack(5)
  expect(() => stack.pushMany(Float64Array.of(1, NaN))).toThrow(RangeError)
  expect(stack.size).toBe(0)
})

test('a second object on one buffer sees the contents of the first', ({ skip }) => {
  pinned(skip, () => {
    const stack = new PerCpuStack(3, { index: 'cpu' })
    const other = PerCpuStack.from(stack.buffer)
    expect(other.capacity).toBe(3)
    expect(other.index).toBe('cpu')
    stack.push(7)
    expect(other.pop()).toBe(7)
  })
})

test('it takes as much memory as it says', () => {
  for (const capacity of [1, 14, 15, 1000]) {
    const stride = Math.ceil((8 * (capacity + 2)) / 128) * 128
    const { byteLength } = new PerCpuStack(capacity).buffer
    expect(byteLength).toBeLessThanOrEqual((info().possibleCpus + 1) * stride + 256)
  }
})

test('a buffer of something else is refused', () => {
  expect(() => PerCpuStack.from(new PerCpuCounter().buffer)).toThrow(
    /holds a PerCpuCounter; PerCpuCounter\.from/,
  )
  expect(() => PerCpuCounter.from(new PerCpuStack(1).buffer)).toThrow(/holds a PerCpuStack;/)
  expect(() => PerCpuStack.from(new SharedArrayBuffer(10))).toThrow(RangeError)
  expect(() => PerCpuStack.from(null as never)).toThrow(TypeError)
})

test.each([
  ['capacity: expected an integer from 1', RangeError, () => new PerCpuStack(0)],
  ['capacity: expected an integer from 1', RangeError, () => new PerCpuStack(1.5)],
  ['capacity: expected an integer from 1', TypeError, () => new PerCpuStack('1' as never)],
  ['options: expected an object', TypeError, () => new PerCpuStack(1, null as never)],
  ["index: expected 'cpu'", RangeError, () => new PerCpuStack(1, { index: 'node' as never })],
  ['value: expected a finite number', RangeError, () => new PerCpuStack(1).push(NaN)],
  ['value: expected a finite number', RangeError, () => new PerCpuStack(1).push(Infinity)],
  ['value: expected a finite number', TypeError, () => new PerCpuStack(1).push('7' as never)],
  ['value: expected a finite number', TypeError, () => new PerCpuStack(1).push(7n as never)],
  ['values: expected a Float64Array', TypeError, () => new PerCpuStack(1).pushMany([1] as never)],
  [
    'count: expected an integer from 0 to 1',
    RangeError,
    () => new PerCpuStack(1).pushMany(new Float64Array(1), 2),
  ],
  ['into: expected a Float64Array', TypeError, () => new PerCpuStack(1).popMany(7 as never)],
  ['cpu: expected an integer from 0', RangeError, () => new PerCpuStack(1).popFrom(-1)],
  ['cpu: expected an integer from 0', RangeError, () => new PerCpuStack(1).pushTo(info().possibleCpus, 1)],
  ['cpu: expected an integer from 0', TypeError, () => new PerCpuStack(1).drain('0' as never)],
  ['cpu: expected an integer from 0', RangeError, () => new PerCpuStack(1).onCpu(0.5, () => 1)],
  ['use: expected a function', TypeError, () => new PerCpuStack(1).onCpu(0, 7 as never)],
  [
    'value: expected a finite number',
    RangeError,
    () => new PerCpuStack(1).onCpu(0, (stack) => stack.push(NaN)),
  ],
] as const)('%s', (message, type, call) => {
  expect(call).toThrow(type)
  expect(call).toThrow(message)
})
