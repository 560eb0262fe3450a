/** Random bytes over live rings: wrong records or an error, never a crash, and never for ever. */
import { expect, test } from 'vitest'
import { PerCpuRing, RegionCorruptError } from '../../lib/index.js'
import { pinned } from '../support/pinned.js'
import { runProgram } from '../support/program.js'

// Each in a process of its own: a crash ends that one, and shows as its signal.
test.each([1, 2, 3])('rings that are overwritten while they are used, round %d', async (seed) => {
  const { result } = await runProgram<{ operations: number; scribbles: number; problems: string[] }>(
    'scribbled-rings',
    { input: { seed } },
  )
  expect(result.problems).toEqual([])
  expect(result.operations).toBeGreaterThan(0)
  expect(result.scribbles).toBeGreaterThan(0)
})

test('what makes no sense is said once and skipped; what comes after it is read', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024)
    for (let i = 0; i < 3; i++) ring.write(Buffer.from('x'.repeat(100)))
    // The bytes of all rings, with the records' frames; the words before them stay.
    const words = new Uint32Array(ring.buffer)
    const isFrame = (word: number): boolean => (word & 0xffff) === 100
    words.forEach((word, i) => {
      if (i > 16 && isFrame(word)) words[i] = 0xffff
    })
    const texts: string[] = []
    const drain = (): number => ring.drain(({ bytes }) => texts.push(Buffer.from(bytes).toString()))
    expect(drain).toThrow(RegionCorruptError)
    ring.write(Buffer.from('after'))
    expect(drain()).toBe(1)
    expect(texts).toEqual(['after'])
  })
})
