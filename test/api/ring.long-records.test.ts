/** Long records: up to 64 KiB they are whole, and what becomes of longer ones is the ring's `tooLong`. */
import { expect, test } from 'vitest'
import { PerCpuRing, type RingRecord } from '../../lib/index.js'
import { pinned } from '../support/pinned.js'
import { Team } from '../support/team.mjs'

const LARGE = 1 << 19
const LONGEST = (1 << 16) - 24

function drained(ring: PerCpuRing): RingRecord[] {
  const records: RingRecord[] = []
  ring.drain((record) => records.push(record))
  return records
}

/** Bytes that say where they are. */
function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff)
}

test('records around the length of the scratch, and up to 64 KiB, are whole', ({ skip }) => {
  pinned(skip, () => {
    for (const policy of ['discard', 'overwrite'] as const) {
      const ring = new PerCpuRing(LARGE, { policy })
      expect(ring.longest).toBe(LONGEST)
      for (const length of [4095, 4096, 4097, 4104, 5000, 65_000, LONGEST - 1, LONGEST]) {
        expect(ring.write(pattern(length, length))).toBe(true)
        const record = (policy === 'discard' ? drained(ring) : ring.snapshot()).at(-1)
        expect(Buffer.compare(record?.bytes ?? Buffer.of(), pattern(length, length))).toBe(0)
        expect(record?.truncated).toBe(false)
      }
    }
  })
})

test('a ring with as many of the longest records as fit', ({ skip }) => {
  pinned(skip, () => {
    const ring = new PerCpuRing(1 << 18)
    const wanted = [1, 2, 3, 4].map((seed) => pattern(ring.longest, seed))
    // The fourth does not fit where records carry a time of their own.
    const written = wanted.filter((bytes) => ring.write(bytes))
    expect(written.length).toBeGreaterThanOrEqual(3)
    expect(ring.write(wanted[0] as Uint8Array)).toBe(false)
    const found = drained(ring)
    expect(found).toHaveLength(written.length)
    found.forEach(({ bytes }, i) => {
      expect(Buffer.compare(bytes, wanted[i] as Uint8Array)).toBe(0)
    })
  })
})

test('too long is an error, unless the ring says something else', ({ skip }) => {
  pinned(skip, () => {
    for (const size of [256, 4096, LARGE]) {
      const ring = new PerCpuRing(size)
      expect(ring.tooLong).toBe('throw')
      expect(() => ring.write(pattern(ring.longest + 1))).toThrow(
        new RangeError(
          `bytes: expected a Uint8Array of at most ${ring.longest} bytes, got ${ring.longest + 1}`,
        ),
      )
      expect(ring.dropped).toBe(0)
      expect(drained(ring)).toEqual([])
    }
  })
})

test('truncated: the first bytes, marked, in all threads', ({ skip }) => {
  pinned(skip, () => {
    for (const size of [256, 4096, LARGE]) {
      for (const policy of ['discard', 'overwrite'] as const) {
        const ring = new PerCpuRing(size, { policy, tooLong: 'truncate' })
        const other = PerCpuRing.from(ring.buffer)
        expect(other.tooLong).toBe('truncate')
        for (const one of [ring, other]) {
          expect(one.write(pattern(one.longest + 1))).toBe(true)
          const marked = (policy === 'discard' ? drained(ring) : ring.snapshot()).at(-1)
          expect(Buffer.compare(marked?.bytes ?? Buffer.of(), pattern(one.longest))).toBe(0)
          expect(marked?.truncated).toBe(true)
          expect(marked?.thread).toBeLessThan(2 ** 30)
        }
        expect(ring.write(pattern(ring.longest))).toBe(true)
        const whole = (policy === 'discard' ? drained(ring) : ring.snapshot()).at(-1)
        expect(whole?.truncated).toBe(false)
        expect(whole?.bytes).toHaveLength(ring.longest)
        expect(ring.dropped).toBe(0)
      }
    }
  })
})

test('dropped: counted, exactly', ({ skip }) => {
  pinned(skip, () => {
    for (const policy of ['discard', 'overwrite'] as const) {
      const ring = new PerCpuRing(4096, { policy, tooLong: 'drop' })
      for (let count = 1; count <= 5; count++) {
        expect(PerCpuRing.from(ring.buffer).write(pattern(ring.longest + count))).toBe(false)
        expect(ring.dropped).toBe(count)
      }
      expect(ring.write(pattern(ring.longest))).toBe(true)
      expect(ring.droppedPerCpu().reduce((sum, count) => sum + count)).toBe(5)
    }
  })
})

test('values that the option refuses', () => {
  expect(() => new PerCpuRing(256, { tooLong: 'cut' as never })).toThrow(
    /tooLong: expected 'throw' or 'truncate' or 'drop'/,
  )
  expect(() => new PerCpuRing(256, { tolong: 'drop' } as never)).toThrow(/did you mean 'tooLong'/)
  expect(() => new PerCpuRing(256).records({ sginal: undefined } as never)).toThrow(/did you mean 'signal'/)
})

test('a buffer with an option that does not exist is refused, and one that is overwritten later throws', () => {
  const ring = new PerCpuRing(256, { tooLong: 'drop' })
  const words = new Uint32Array(ring.buffer)
  // The only word after the header that is not 0 in a new ring.
  words[words.findIndex((word, i) => i >= 16 && word !== 0)] = 77
  expect(() => PerCpuRing.from(ring.buffer)).toThrow(RangeError)
  expect(ring.tooLong).toBe('throw')
  expect(() => ring.write(pattern(41))).toThrow(RangeError)
})

test('long records of many workers at once', async () => {
  const workers = 3
  const count = 300
  const ring = new PerCpuRing(1 << 20)
  const team = await Team.lineUp<null, { written: number; refused: number }>('ring-long-writer', workers, {
    data: (i) => ({ buffer: ring.buffer, who: i + 1, count }),
  })
  let torn = 0
  const seen = new Map<number, number[]>()
  const look = ({ bytes }: RingRecord): void => {
    const view = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
    const [who = 0, number = 0] = view
    if (view.some((word, i) => i > 1 && word !== (who << 16) + number)) torn++
    seen.set(who, [...(seen.get(who) ?? []), number])
  }
  const reports = team.run()
  const ended = reports.then(() => true)
  const turn = (): Promise<false> => new Promise((resolve) => setImmediate(resolve, false))
  do ring.drain(look)
  while (!(await Promise.race([ended, turn()])))
  ring.drain(look)
  const all = await reports
  expect(torn).toBe(0)
  expect(all.map((_, i) => new Set(seen.get(i + 1)).size)).toEqual(all.map(({ written }) => written))
  expect(ring.dropped).toBe(all.reduce((sum, { refused }) => sum + refused, 0))
  expect(all.map(({ written, refused }) => written + refused)).toEqual(all.map(() => count))
})
