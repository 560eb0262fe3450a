/** Counters and rings in memory that processes share: real processes, and how they die. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { PerCpuList, PerCpuPool } from '../lib/index.js'
import { type SharedDirectory, openShared } from '../lib/shared/index.js'
import { cgroupRoom } from '../lib/runtime/mapping.js'
import { machineWithSectionsOr } from './support/machine.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'
import { numberOf, recordOf } from './support/shared-records.mjs'

const KILLS = 5
const RING = 1 << 20

describe.skipIf(WHY_NO_SHM !== '')('processes', () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, opened) => {
    place = made
    shop = opened
  })

  test('three of two threads each count exactly', async () => {
    const actors = await Promise.all([place.actor(), place.actor(), place.actor()])
    const adds = 300_000
    await Promise.all(actors.map((actor) => actor.ask('count', { counter: 'requests', threads: 2, adds })))
    expect(shop.counter('requests').value).toBe(3 * 2 * adds)
  })

  test.each(['i64', 'f64'] as const)('what three add to %s is in one reset of a fourth', async (type) => {
    const actors = await Promise.all([place.actor(), place.actor(), place.actor()])
    const [adds, delta, options] = [200_000, type === 'i64' ? 1 : 0.5, { type }]
    const input = { counter: 'work', threads: 2, adds, delta, options }
    const running = new Set(actors)
    const ended = actors.map(async (actor) => {
      await actor.ask('count', input)
      running.delete(actor)
    })
    const counter = shop.counter('work', options)
    let taken = 0
    while (running.size > 0) {
      taken += counter.reset()
      await turn()
    }
    await Promise.all(ended)
    expect(taken + counter.value).toBe(3 * 2 * adds * delta)
  })

  test('counters keep what a killed process had added', async () => {
    const { words, path } = place.notes()
    const counter = shop.counter('requests')
    let before = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const actor = await place.actor()
      words.fill(0)
      await actor.ask('countForEver', { counter: 'requests', threads: 2, path })
      const least = 1000 * (kill + 1)
      while (Atomics.load(words, 0) < least || Atomics.load(words, 1) < least) await turn()
      await actor.kill()
      const confirmed = Atomics.load(words, 0) + Atomics.load(words, 1)
      const counted = counter.value - before
      expect(counted).toBeGreaterThanOrEqual(confirmed)
      expect(counted).toBeLessThanOrEqual(confirmed + 2)
      before = counter.value
    }
  })

  test('a histogram has what killed processes had recorded', async () => {
    const { words, path } = place.notes()
    const options = { highest: 2 ** 31, digits: 3 }
    const histogram = shop.histogram('latency', options)
    let [count, sum, most] = [0, 0, 0]
    for (let kill = 0; kill < KILLS; kill++) {
      const actor = await place.actor()
      words.fill(0)
      actor.tell('recordForEver', { histogram: 'latency', options, path })
      while (Atomics.load(words, 0) < 2000 * (kill + 1)) await turn()
      await actor.kill()
      const confirmed = Atomics.load(words, 0)
      const seen = histogram.snapshot()
      const [more, added] = [seen.count - count, seen.sum - sum]
      expect([confirmed, confirmed + 1]).toContain(more)
      // The value that was in progress is in its bucket and in the sum, or only in its bucket, or in neither.
      const least = (confirmed * (confirmed + 1)) / 2
      expect(more === confirmed ? [least] : [least, least + confirmed + 1]).toContain(added)
      most = Math.max(most, confirmed)
      expect(seen.min).toBe(1)
      expect([most, most + 1]).toContain(seen.max)
      ;[count, sum, most] = [seen.count, seen.sum, seen.max]
    }
  })

  test('a ring has all records of a killed process, whole and in order', async () => {
    const { words, path } = place.notes()
    for (let kill = 0; kill < KILLS; kill++) {
      const actor = await place.actor()
      words.fill(0)
      const ring = shop.ring(`log-${kill}`, RING)
      actor.tell('writeForEver', { ring: `log-${kill}`, bytes: RING, path })
      while (Atomics.load(words, 0) < 500 * (kill + 1)) await turn()
      await actor.kill()
      const found: number[] = []
      const last = new Map<number, number>()
      ring.drain(({ bytes, cpu, overflow }) => {
        const number = numberOf(bytes)
        found.push(number)
        const key = overflow ? -1 : cpu
        expect(number).toBeGreaterThan(last.get(key) ?? -1)
        last.set(key, number)
      })
      // The writer had a whole ring of room, if it was killed before that was full.
      const confirmed = Atomics.load(words, 0)
      found.sort((a, b) => a - b)
      if (ring.dropped === 0) {
        expect(found.length - confirmed === 0 || found.length - confirmed === 1).toBe(true)
        expect(found).toEqual(Array.from(found, (_, i) => i))
      } else expect(new Set(found).size).toBe(found.length)
    }
  })

  test('a flight recorder shows the last moments of a killed process', async () => {
    const { words, path } = place.notes()
    const options = { policy: 'overwrite' } as const
    const actor = await place.actor()
    const ring = shop.ring('box', 1 << 16, options)
    actor.tell('writeForEver', { ring: 'box', bytes: 1 << 16, options, path })
    while (Atomics.load(words, 0) < 20_000) await turn()
    await actor.kill()
    const confirmed = Atomics.load(words, 0)
    const numbers = ring.snapshot().map(({ bytes }) => numberOf(bytes))
    expect(numbers).not.toContain(-1)
    const youngest = Math.max(...numbers)
    expect(youngest === confirmed - 1 || youngest === confirmed).toBe(true)
    expect(numbers.length).toBeGreaterThan(100)
  })

  const POOL = { blocks: 10_000, blockSize: 64 }
  const LIST = { nodes: 1000, payloadSize: 64 }
  /** Takes all that is free, checks that each number comes once, and gives it back. Answers how many there were. */
  const countPool = (pool: PerCpuPool): number => {
    const all: number[] = []
    for (let block = pool.alloc(); block !== -1; block = pool.alloc()) all.push(block)
    expect(new Set(all).size).toBe(all.length)
    for (const block of all) pool.free(block)
    return all.length
  }
  const countList = (list: PerCpuList): number => {
    const all = list.drain()
    expect(new Set(all).size).toBe(all.length)
    for (const node of all) list.push(node)
    return all.length
  }
  /** Pushes every node of new lists, as any process may: each node is pushed once. */
  const fill = (list: PerCpuList): void => {
    for (let node = 0; node < LIST.nodes; node++) if (list.adopt(node, 0)) list.push(node)
  }

  test('blocks and nodes of a killed process come back', async ({ annotate }) => {
    const pool = shop.pool('blocks', POOL)
    const list = shop.list('nodes', LIST)
    fill(list)
    fill(list)
    expect(list.size).toBe(LIST.nodes)
    expect(pool.adopt(0, 0)).toBe(false) // It is free.
    const actor = await place.actor()
    const [heir, late] = [await place.actor(), await place.actor()]
    const taken = await actor.ask('hold', { pool: POOL, list: LIST, count: POOL.blocks })
    const { blocks } = taken as { blocks: [number, number][] }
    const held = (taken as { nodes: number[] }).nodes.filter((node) => node !== -1).length
    expect(blocks.length).toBe(POOL.blocks)
    expect([pool.alloc(), pool.reclaim(), list.reclaim()]).toEqual([-1, 0, 0])
    const adopted = await heir.ask('adopt', { pool: POOL, blocks: blocks.slice(0, 10) })
    expect(adopted).toEqual(Array.from({ length: 10 }, () => true))
    await actor.kill()
    expect(list.size).toBe(LIST.nodes - held)
    const begun = performance.now()
    expect(pool.reclaim()).toBe(POOL.blocks - 10)
    await annotate(`${POOL.blocks - 10} blocks came back in ${(performance.now() - begun).toFixed(2)} ms`)
    expect(list.reclaim()).toBe(held)
    expect(await late.ask('adopt', { pool: POOL, blocks: blocks.slice(5, 15) })).not.toContain(true)
    expect(countPool(pool)).toBe(POOL.blocks - 10)
    expect(countList(list)).toBe(LIST.nodes)
    await heir.kill()
    expect([pool.reclaim(), pool.reclaim()]).toEqual([10, 0])
    expect(countPool(pool)).toBe(POOL.blocks)
  })

  test('an allocation that finds no block takes one of a killed process', async () => {
    const pool = shop.pool('blocks', POOL)
    const actor = await place.actor()
    await actor.ask('hold', { pool: POOL, list: LIST, count: POOL.blocks })
    expect(pool.alloc()).toBe(-1)
    await actor.kill()
    let block = -1
    while (block === -1) block = pool.alloc() // It looks for dead processes at most every 10 ms.
    pool.free(block)
    expect(countPool(pool)).toBe(POOL.blocks)
  })

  test('four processes pass blocks on, one is killed again and again: each block is there once', async ({
    annotate,
  }) => {
    const few = { blocks: 300, blockSize: 64, cache: 16 }
    const pool = shop.pool('blocks', few)
    const list = shop.list('nodes', LIST)
    fill(list)
    const { words, path } = place.notes()
    const start = async (number: number): Promise<Awaited<ReturnType<Place['actor']>>> => {
      const actor = await place.actor()
      words[number] = 0
      actor.tell('churnForEver', { pool: few, list: LIST, ring: RING, number, path })
      while (Atomics.load(words, number) < 2000) await turn()
      return actor
    }
    const actors = await Promise.all([0, 1, 2, 3].map(start))
    const end = performance.now() + 10_000
    let kills = 0
    for (; performance.now() < end; kills++) {
      const number = kills % 4
      await actors[number]?.kill()
      if (kills % 2 === 0) pool.reclaim()
      if (kills % 3 === 0) list.reclaim()
      actors[number] = await start(number)
    }
    await Promise.all(actors.map((actor) => actor.kill()))
    // The control: without reclaiming, what the dead held is missing.
    const without = pool.available
    expect(without).toBeLessThan(few.blocks)
    const back = pool.reclaim()
    expect(without + back).toBe(few.blocks)
    list.reclaim()
    await annotate(`${kills} kills; ${back} of ${few.blocks} blocks were held at the last`)
    expect(countPool(pool)).toBe(few.blocks)
    expect(countList(list)).toBe(LIST.nodes)
  })

  test('a reader that was killed is followed by another one, which gets its records', async () => {
    const ring = shop.ring('log', RING)
    for (let i = 0; i < 10; i++) ring.write(recordOf(i))
    const actor = await place.actor()
    actor.tell('dieReading', { ring: 'log', bytes: RING })
    await actor.ended()
    const numbers: number[] = []
    ring.drain(({ bytes }) => numbers.push(numberOf(bytes)))
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i))
  })

  test('a reader that was terminated in a process that lives is followed by another one at once', async () => {
    const ring = shop.ring('log', RING)
    for (let i = 0; i < 10; i++) ring.write(recordOf(i))
    const actor = await place.actor()
    await actor.ask('endReading', { ring: 'log', bytes: RING })
    const numbers: number[] = []
    ring.drain(({ bytes }) => numbers.push(numberOf(bytes)))
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i))
  })

  test('eight that make an object at once make one', async () => {
    const actors = await Promise.all(Array.from({ length: 8 }, () => place.actor()))
    for (let round = 0; round < 5; round++) {
      const [counter, ring] = [`counter-${round}`, `ring-${round}`]
      await Promise.all(actors.map((actor) => actor.ask('race', { counter, ring, bytes: RING })))
      expect(shop.counter(counter).value).toBe(8)
      const pids: number[] = []
      shop.ring(ring, RING).drain(({ bytes }) => pids.push(numberOf(bytes)))
      expect(pids.sort()).toEqual(actors.map(({ pid }) => pid).sort())
    }
    const files = readdirSync(shop.path).filter((file) => !/^(counter|ring)-\d\./.test(file))
    expect(files.sort()).toEqual(['clock', 'fences', 'processes'])
  })

  test('two specifications of a name are two generations, side by side', async () => {
    const actor = await place.actor()
    await actor.ask('add', { counter: 'time', delta: 0.5, options: { type: 'f64' } })
    shop.counter('time').add(3)
    expect(await actor.ask('add', { counter: 'time', delta: 0.25, options: { type: 'f64' } })).toBe(0.75)
    expect(shop.counter('time').value).toBe(3)
    const objects = shop.objects()
    expect(objects.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['time counter', 'time counter'])
    expect(new Set(objects.map(({ generation }) => generation)).size).toBe(2)
  })

  const OLD = { length: 3, range: { digits: 2 } }
  const NEW = { length: 5, range: { digits: 3 } }
  const ALL = ['work', 'kinds', 'time']

  test('generations of an object have a total, before and after they are retired', async () => {
    const warnings: string[] = []
    const note = ({ name, message }: Error): void => {
      if (name === 'RseqRetiredWarning') warnings.push(message)
    }
    process.on('warning', note)
    const check = (work: number, kinds: number[], times: number): void => {
      expect(shop.total('work')).toBe(work)
      expect([...shop.totals('kinds')]).toEqual(kinds)
      const time = shop.distribution('time', NEW.range)
      expect([time.count, time.sum, time.min, time.max]).toEqual([times, 100 * times, 100, 100])
    }
    const old = await place.actor()
    await old.ask('useAll', { ...OLD, type: 'f64', delta: 0.5 })
    const recent = await place.actor()
    await recent.ask('useAll', NEW)
    check(1.5, [0, 0, 1, 0, 1], 2)
    expect(shop.retire()).toEqual([])
    await old.kill()
    const before = shop.objects()
    const retired = shop.retire()
    expect(retired.map((path) => path.replace(/.*\/(\w+)\..*/, '$1')).sort()).toEqual([...ALL].sort())
    check(1.5, [0, 0, 1, 0, 1], 2)
    // Only the small files are there, and take less.
    const objects = shop.objects()
    expect(objects.filter(({ isRetired }) => isRetired).map(({ path }) => path)).toEqual(retired.sort())
    expect(objects.length).toBe(before.length)
    const sizeOf = (all: typeof before): number => all.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(sizeOf(objects)).toBeLessThan(sizeOf(before))
    // The old release comes back: its counter begins anew, the total goes on, and who opens the service retires it again.
    const again = await place.actor()
    expect(await again.ask('useAll', { ...OLD, type: 'f64', delta: 0.25 })).toBe(0.25)
    check(1.75, [0, 0, 2, 0, 1], 3)
    await again.kill()
    await turn()
    warnings.length = 0
    openShared('shop', { directory: place.directory })
    await turn()
    expect(warnings.length).toBe(ALL.length)
    expect(warnings[0]).toContain('.retired2')
    expect(shop.objects().length).toBe(objects.length)
    check(1.75, [0, 0, 2, 0, 1], 3)
    // Without a process that uses another generation, none is retired.
    await recent.kill()
    expect(shop.retire()).toEqual([])
    // What is damaged is an error that names the file. The control: a count that is in two files is counted twice.
    const work = (retired.find((path) => path.includes('/work.')) ?? '').replace(/retired1$/, '')
    writeFileSync(`${work}retiring1`, readFileSync(`${work}retired2`))
    expect(shop.total('work')).toBe(1.75)
    writeFileSync(`${work}retiring3`, readFileSync(`${work}retired2`))
    expect(shop.total('work')).toBe(2.5)
    writeFileSync(`${work}retiring3`, 'what is this?')
    expect(() => shop.total('work')).toThrow(`${work}retiring3 is too short`)
    expect(shop.retire()).toEqual([])
    process.off('warning', note)
  })

  test('overwritten counts of a histogram are an error that names its file', () => {
    const histogram = shop.histogram('time', { highest: 1000 })
    for (let value = 1; value <= 3; value++) histogram.record(5)
    const [{ path } = { path: '' }] = shop.objects()
    const words = new BigInt64Array(histogram.buffer)
    const bucket = words.lastIndexOf(3n)
    for (const [word, wrong] of [
      [bucket, -5n],
      [bucket, 2n ** 62n],
      [bucket, 2n ** 53n],
      [4, -1n], // the least value, plus 1
      [5, 2n ** 53n], // the greatest value
    ] as const) {
      const right = words[word] as bigint
      words[word] = wrong
      expect(() => shop.distribution('time')).toThrow(`rseq: ${path} has `)
      words[word] = right
    }
    // Two buckets that are possible, and together are not.
    const [next] = [words[bucket + 1] as bigint]
    words[bucket] = 2n ** 53n - 1n
    words[bucket + 1] = 2n ** 53n - 1n
    expect(() => shop.distribution('time')).toThrow(`rseq: ${path} has more values than there can be`)
    words[bucket] = 3n
    words[bucket + 1] = next
    // The control.
    expect(shop.distribution('time', { highest: 1000 }).count).toBe(3)
  })

  test('no count is lost or doubled when processes are killed while they retire generations', async ({
    annotate,
  }) => {
    const recent = await place.actor()
    await recent.ask('useAll', { ...NEW, delta: 0 })
    let used = 1
    for (let kill = 0; kill < KILLS; kill++) {
      const retirers = [await place.actor(), await place.actor()]
      for (const retirer of retirers) retirer.tell('retireForEver')
      const olds = await Promise.all([place.actor(), place.actor()])
      for (const [k, old] of olds.entries()) {
        await old.ask('useAll', { length: 3, range: { digits: 2 }, type: k === 0 ? 'f64' : 'i64', delta: 1 })
        used++
      }
      await Promise.all([...olds, ...retirers].map((actor) => actor.kill()))
      expect(shop.total('work')).toBe(used - 1)
      expect(shop.distribution('time').count).toBe(used)
      expect(shop.totals('kinds').reduce((a, b) => a + b)).toBe(used)
    }
    shop.retire()
    const retired = shop.objects().filter(({ isRetired }) => isRetired)
    expect(retired.length).toBeGreaterThan(0)
    // Retired generations are summed up, so they do not grow in number.
    expect(retired.length).toBeLessThanOrEqual(ALL.length)
    await annotate(`the last of the retired files: ${retired.at(-1)?.path.replace(/.*\//, '')}`)
    expect(shop.total('work')).toBe(used - 1)
  })

  test('a process has a slot until it dies', async () => {
    const [first, second] = await Promise.all([place.actor(), place.actor()])
    const pids = (): number[] => shop.processes().map(({ pid }) => pid)
    expect(pids().sort()).toEqual([process.pid, first.pid, second.pid].sort())
    const slots = shop.processes().map(({ slot }) => slot)
    expect(slots).toContain(shop.slot)
    expect(new Set(slots).size).toBe(3)
    expect(shop.processes().find(({ pid }) => pid === first.pid)?.title).toContain('shared-actor.mjs')
    await first.kill()
    expect(pids()).not.toContain(first.pid)
    expect(pids()).toContain(second.pid)
  })

  test('a process of another PID namespace takes part', async ({ skip }) => {
    const unshare = ['unshare', '-Urpf', '--mount-proc', '--kill-child']
    skip(
      spawnSync('unshare', [...unshare.slice(1), 'true']).status !== 0,
      'no PID namespace can be made here',
    )
    const actor = await place.actor('shop', {}, ...unshare)
    const there = shop.processes().find(({ slot }) => slot !== shop.slot)
    expect(there?.pid).toBe(1)
    expect(await actor.ask('add', { counter: 'requests', delta: 2 })).toBe(2)
    expect(shop.counter('requests').value).toBe(2)
  })
})

describe('what does not fit', () => {
  test('a full tmpfs is an error, and no signal', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const unshare = ['-Urm']
    const made = spawnSync('unshare', [...unshare, 'mount', '-t', 'tmpfs', 'none', '/mnt'])
    skip(made.status !== 0, 'no file system can be mounted here')
    const program = fileURLToPath(new URL('support/programs/shared-full.mjs', import.meta.url))
    const script = 'mount -t tmpfs -o size=1m none /mnt && exec "$0" "$1" /mnt'
    const { status, signal, stdout, stderr } = spawnSync(
      'unshare',
      [...unshare, 'sh', '-c', script, process.execPath, program],
      { encoding: 'utf8' },
    )
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
    const {
      tooLarge,
      allocated,
      made: counters,
      full,
      total,
      files,
    } = JSON.parse(stdout) as {
      tooLarge: { name: string; code: string; asked: number; available: number; limit: string }
      allocated: number
      made: number
      full: { name: string; code: string; asked: number; available: number }
      total: number
      files: string[]
    }
    expect(tooLarge).toMatchObject({ name: 'SharedMemoryFullError', code: 'ENOSPC', limit: 'file system' })
    expect(tooLarge.asked).toBeGreaterThan(4 << 20)
    expect(tooLarge.available).toBeLessThan(1 << 20)
    expect(allocated).not.toBe(0)
    expect(counters).toBeGreaterThan(10)
    expect(full).toMatchObject({ name: 'SharedMemoryFullError', code: 'ENOSPC' })
    expect(full.available).toBeLessThan(full.asked)
    expect(total).toBe(counters)
    expect(files.sort()).toEqual(['clock', 'fences', 'processes'])
  })

  test('the room in a cgroup is that of the narrowest one, with what the kernel can drop', () => {
    const root = mkdtempSync(join(tmpdir(), 'rseq-cgroups-'))
    const group = (path: string, most: string, current: number, file: number): void => {
      mkdirSync(join(root, path), { recursive: true })
      writeFileSync(join(root, path, 'memory.max'), `${most}\n`)
      writeFileSync(join(root, path, 'memory.current'), `${current}\n`)
      writeFileSync(
        join(root, path, 'memory.stat'),
        `anon 5\ninactive_file ${file}\nactive_file 1\nshmem 9\n`,
      )
    }
    try {
      const own = join(root, 'own')
      writeFileSync(own, '0::/pods/shop\n')
      expect(cgroupRoom(root, own)).toBe(Infinity)
      group('pods', '1000', 900, 199)
      expect(cgroupRoom(root, own)).toBe(300)
      group('pods/shop', 'max', 800, 0)
      expect(cgroupRoom(root, own)).toBe(300)
      group('pods/shop', '500', 450, 0)
      expect(cgroupRoom(root, own)).toBe(51)
      group('pods/shop', '500', 600, 9)
      expect(cgroupRoom(root, own)).toBe(0)
      writeFileSync(own, '4:memory:/old\n')
      expect(cgroupRoom(root, own)).toBe(Infinity)
      expect(cgroupRoom(root, join(root, 'none'))).toBe(Infinity)
    } finally {
      rmSync(root, { recursive: true })
    }
  })
})
