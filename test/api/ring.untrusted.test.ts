/** Words of rings that something has written: an error, once, and everything else stays. */
import { expect, test } from 'vitest'
import { PerCpuRing, RegionCorruptError } from '../../lib/index.js'
import { pinned } from '../support/pinned.js'
import { timeBytesHere } from '../support/record-time.js'

test('what makes no sense is said once and skipped; what comes after it is read', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1024)
    for (let i = 0; i < 3; i++) ring.write(Buffer.from('x'.repeat(100)))
    // The bytes of all rings, with the records' frames; the words before them stay.
    const words = new Uint32Array(ring.buffer)
    const isFrame = (word: number): boolean => (word & 0xffff) === 100 + timeBytesHere()
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
