/** Iterating over a ring: a record is acknowledged after the loop had it, and records own their bytes. */
import { expect, test } from 'vitest'
import { PerCpuRing } from '../../lib/index.js'
import { runProgram } from '../support/program.js'
import { pinned } from '../support/pinned.js'
import { Team, turn } from '../support/team.mjs'

const MOST_TURNS = 10_000_000

function written(...texts: string[]): PerCpuRing {
  const ring = new PerCpuRing(1 << 14)
  for (const text of texts) ring.write(Buffer.from(text))
  return ring
}

function drained(ring: PerCpuRing): string[] {
  const texts: string[] = []
  ring.drain(({ bytes }) => texts.push(Buffer.from(bytes).toString()))
  return texts
}

test.each(['drain', 'iteration'])(
  'a %s that is terminated at its second record has given back the first at most',
  async (way) => {
    const texts = Array.from({ length: 200 }, (_, i) => `record ${i}`)
    const ring = written(...texts)
    const inside = new Int32Array(new SharedArrayBuffer(4))
    const team = await Team.lineUp('ring-iterator', 1, { data: () => ({ buffer: ring.buffer, inside, way }) })
    team.go()
    for (let turns = 0; Atomics.load(inside, 0) < 2 && turns < MOST_TURNS; turns++) await turn()
    await team.terminate(0)
    const left = drained(ring)
    expect(left.length).toBeGreaterThanOrEqual(199)
    expect(new Set(left).size).toBe(left.length)
    expect(ring.dropped).toBe(0)
  },
)

test('a record gives its room back when the next one is asked for', async ({ skip }) => {
  await pinned(skip, async () => {
    const ring = new PerCpuRing(256)
    const bytes = new Uint8Array(ring.longest)
    while (ring.write(bytes)) continue
    const records = ring[Symbol.asyncIterator]()
    await records.next()
    expect(ring.write(bytes)).toBe(false)
    await records.next()
    expect(ring.write(bytes)).toBe(true)
    await records.return?.()
    expect(ring.write(bytes)).toBe(true)
  })
})

test('a loop that throws has had its record, and no other', async ({ skip }) => {
  await pinned(skip, async () => {
    const ring = written('0', '1', '2', '3')
    const seen: string[] = []
    const loop = async (): Promise<void> => {
      for await (const { bytes } of ring) {
        seen.push(Buffer.from(bytes).toString())
        if (seen.length === 2) throw new Error('not today')
      }
    }
    await expect(loop()).rejects.toThrow('not today')
    expect(seen).toEqual(['0', '1'])
    expect(drained(ring)).toEqual(['2', '3'])
  })
})

test('a second read by one object continues with the next record', async ({ skip }) => {
  await pinned(skip, async () => {
    const ring = written('0', '1', '2')
    const abandoned = ring.records()
    expect((await abandoned.next()).value).toMatchObject({ bytes: Uint8Array.of(48) })
    expect(drained(ring)).toEqual(['1', '2'])
    ring.write(Buffer.from('3'))
    // It goes on, too.
    expect((await abandoned.next()).value).toMatchObject({ bytes: Uint8Array.of(51) })
    const other = ring.records()
    ring.write(Buffer.from('4'))
    expect((await other.next()).value).toMatchObject({ bytes: Uint8Array.of(52) })
    await other.return(undefined)
    await abandoned.return(undefined)
    expect(drained(ring)).toEqual([])
  })
})

test('two objects of one thread exclude each other, and the error says who reads', async () => {
  const ring = written('0', '1')
  const other = PerCpuRing.from(ring.buffer)
  const records = ring.records()
  await records.next()
  expect(() => other.drain(() => 0)).toThrow(/this thread is reading the ring already/)
  await expect(other.records().next()).rejects.toThrow(/this thread is reading the ring already/)
  await records.return(undefined)
  expect(drained(other)).toHaveLength(1)
})

test('an iteration that waits for records is no reader', async () => {
  const ring = new PerCpuRing(1 << 12)
  const over = new AbortController()
  const records = ring.records({ signal: over.signal })
  const next = records.next()
  await turn()
  expect(PerCpuRing.from(ring.buffer).drain(() => 0)).toBe(0)
  over.abort()
  expect((await next).done).toBe(true)
})

test('an object that is disposed of in a loop is no reader any more', async () => {
  const ring = written('0', '1')
  const other = PerCpuRing.from(ring.buffer)
  const records = other.records()
  await records.next()
  other[Symbol.dispose]()
  expect(drained(ring)).toHaveLength(1)
})

test('an object that is disposed of in its own drain is no reader any more, and has had its record', () => {
  const ring = written('0', '1', '2')
  const other = PerCpuRing.from(ring.buffer)
  const count = other.drain(() => {
    other[Symbol.dispose]()
  })
  expect(count).toBe(1)
  expect(() => other.drain(() => 0)).toThrow(/after its \[Symbol.dispose\]/)
  expect(drained(ring)).toHaveLength(2)
})

test('an iteration that is dropped is no reader any more when its ring is collected', async () => {
  const { result } = await runProgram('collected-iteration', { nodeOptions: ['--expose-gc'] })
  const { before, after } = result as { before: unknown; after: unknown }
  expect(before).toMatch(/reading the ring already/)
  expect(after).toBe(3)
})

test.each([null, 'soon', {}, new AbortController()])('a signal that is none is refused: %o', (signal) => {
  expect(() => new PerCpuRing(256).records({ signal } as never)).toThrow(
    /^signal: expected an AbortSignal, got /,
  )
})

test('a flight recorder cannot be iterated over', () => {
  expect(() => new PerCpuRing(256, { policy: 'overwrite' }).records()).toThrow(/snapshot/)
})

test.each(['drain', 'iteration', 'snapshot'])('the bytes of a record are its own: %s', async (way) => {
  const ring = new PerCpuRing(1 << 14, { policy: way === 'snapshot' ? 'overwrite' : 'discard' })
  const lengths = [1, 8, 64, 65, 500, 3]
  for (const length of lengths) ring.write(new Uint8Array(length).fill(length))
  const seen: number[] = []
  const take = ({ bytes }: { bytes: Uint8Array }): void => {
    expect(bytes.every((byte) => byte === (bytes.length & 0xff))).toBe(true)
    seen.push(bytes.length)
    expect(bytes.byteOffset).toBe(0)
    expect(bytes.buffer.byteLength).toBe(bytes.length)
    structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })
    expect(bytes).toHaveLength(0)
  }
  if (way === 'drain') ring.drain(take)
  else if (way === 'snapshot') ring.snapshot().forEach(take)
  else for await (const record of ring.records({ signal: AbortSignal.abort() })) take(record)
  expect(seen.sort((a, b) => a - b)).toEqual([...lengths].sort((a, b) => a - b))
})
