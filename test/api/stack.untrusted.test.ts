/** Words of stacks that something has written: an error, once, and everything else stays. */
import { expect, test } from 'vitest'
import { PerCpuStack, RegionCorruptError, info } from '../../lib/index.js'

// Neither a NaN nor an infinity can be pushed. Such a word is an error once, and is gone then.
test.each([
  ['a NaN', 0x7ff8000000000000n],
  ['a signalling NaN', 0xfff0000000000001n],
  ['Infinity', 0x7ff0000000000000n],
  ['-Infinity', 0xfff0000000000000n],
])('a pop tells of %s that something has written, and the values around it stay', (_, scribble) => {
  const scribbled = (): PerCpuStack => {
    const stack = new PerCpuStack(9)
    for (const value of [1, 123.25, 3]) stack.pushTo(0, value)
    const words = new BigUint64Array(stack.buffer)
    words[words.indexOf(0x405ed00000000000n)] = scribble
    return stack
  }
  const outcome = (act: () => unknown): unknown => {
    try {
      return act()
    } catch (error) {
      return (error as Error).name
    }
  }
  const wanted = [3, 'RegionCorruptError', 1, undefined]
  const [popped, owned] = [scribbled(), scribbled()]
  expect(wanted.map(() => outcome(() => popped.popFrom(0)))).toEqual(wanted)
  owned.onCpu(0, (own) => {
    expect(wanted.map(() => outcome(() => own.pop()))).toEqual(wanted)
  })
  const [many, drained] = [scribbled(), scribbled()]
  const parts = ['3', 'RegionCorruptError', '1', '']
  expect(parts.map(() => outcome(() => String(drained.drain(0))))).toEqual(parts)
  const into = new Float64Array(9)
  many.onCpu(0, (own) => {
    expect(parts.map(() => outcome(() => String(into.slice(0, own.popMany(into)))))).toEqual(parts)
  })
})

test('pop() and popMany() tell of a word that something has written wherever the thread runs', () => {
  for (const scribble of [0x7ff8000000000000n, 0x7ff0000000000000n, 0xfff0000000000000n]) {
    for (const pop of [
      (stack: PerCpuStack) => stack.pop(),
      (stack: PerCpuStack) => stack.popMany(new Float64Array(1)),
    ]) {
      const stack = new PerCpuStack(4)
      // Every CPU's stack is scribbled, as the thread may be moved between a push and a pop.
      for (let cpu = 0; cpu < info().possibleCpus; cpu++) stack.pushTo(cpu, 123.25)
      const words = new BigUint64Array(stack.buffer)
      words.forEach((word, i) => {
        if (word === 0x405ed00000000000n) words[i] = scribble
      })
      expect(() => pop(stack)).toThrow(RegionCorruptError)
    }
  }
})
