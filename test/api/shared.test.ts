/** `rseq/shared` within one process: names, options, files that cannot be trusted, Workers, and the end of a mapping. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PerCpuCounter, cpuOpv, info } from '../../lib/index.js'
import { type SharedDirectory, openShared } from '../../lib/shared/index.js'
import { Place, WHY_NO_SHM } from '../support/shared.js'

test.skipIf(info().sharing !== null)('without the native library, the error has the reason', () => {
  expect(() => openShared('shop')).toThrow('rseq: ')
})

describe.skipIf(WHY_NO_SHM !== '')('a service', () => {
  let place: Place
  let shop: SharedDirectory
  const open = (options: object = {}): SharedDirectory =>
    openShared('shop', { directory: place.directory, ...options })
  /** The path of the file of the counter `requests`, which is made. */
  const counterFile = (): string => {
    shop.counter('requests').add(1)
    const [object] = shop.objects()
    return object?.path ?? ''
  }
  beforeEach(({ skip }) => {
    skip(info().sharing === null, 'processes cannot share memory here')
    place = new Place()
    shop = open()
  })
  afterEach(async () => {
    await (place as Place | undefined)?.end()
  })

  test('its objects are the same under the same name', () => {
    shop.counter('requests').add(2)
    open().counter('requests').add(3)
    expect(shop.counter('requests').value).toBe(5)
    shop.counterArray('by.status', 600, { type: 'f64' }).add(404, 0.5)
    expect(shop.counterArray('by.status', 600, { type: 'f64' }).get(404)).toBe(0.5)
    expect(shop.counterArray('by.status', 601, { type: 'f64' }).get(404)).toBe(0)
    expect(shop.counter('requests').reset()).toBe(5)
    expect(open().counter('requests').value).toBe(0)
  })

  test('its rings are as asked for', () => {
    const ring = shop.ring('log', 5000, { tooLong: 'truncate' })
    expect(ring.capacity).toBe(8192)
    expect(ring.tooLong).toBe('truncate')
    expect(ring.policy).toBe('discard')
    const long = new Uint8Array(ring.longest + 1).fill(7)
    expect(ring.write(long)).toBe(true)
    const seen: number[] = []
    shop.ring('log', 8192, { tooLong: 'truncate' }).drain(({ bytes, truncated }) => {
      expect(truncated).toBe(true)
      seen.push(bytes.length)
    })
    expect(seen).toEqual([ring.longest])
    const recorder = shop.ring('log', 8192, { policy: 'overwrite' })
    recorder.write(Uint8Array.of(1))
    expect(recorder.snapshot().map(({ bytes }) => [...bytes])).toEqual([[1]])
  })

  test('its stacks and arrays of words are as asked for', () => {
    const stack = shop.stack('free', 10)
    expect(stack.capacity).toBe(10)
    for (let value = 1; value <= 3; value++) stack.push(value)
    expect([...open().stack('free', 10).drain()].sort()).toEqual([1, 2, 3])
    expect(stack.pop()).toBeUndefined()
    const words = shop.array('words', 2, { element: 'i32' })
    expect([words.length, words.element]).toEqual([2, 'i32'])
    words.add(0, 5)
    const same = open().array('words', 2, { element: 'i32' })
    const sum = [...same.perCpu(0), same.overflow(0)].reduce((a, b) => a + b)
    expect(sum).toBe(5)
    expect(same.onCpu(0, (owned) => owned.add(1, 3))).toBe(0)
    expect(cpuOpv(words, 0, [{ op: 'compareEqual', index: 1, value: 3 }])).toBe(-1)
    expect(shop.objects().map(({ kind }) => kind)).toEqual(['stack', 'array'])
  })

  test('its locks are as asked for', () => {
    const mutex = shop.mutex('gate')
    mutex.lock()
    const other = open().mutex('gate') // Another seat of this thread, which has the mutex.
    expect([other.tryLock(), other.tryLock(1)]).toEqual([false, false])
    expect(() => {
      other.unlock()
    }).toThrow('mutex: expected to be locked')
    expect(() => other.lock()).toThrow('this thread has it already')
    expect(JSON.stringify(mutex)).toBe(`{"locked":true,"slot":${shop.slot}}`)
    mutex.unlock()
    expect(other.tryLock()).toBe(true)
    other[Symbol.dispose]()
    const locks = shop.cpuLock('cpus')
    const cpu = locks.lockThisCpu()
    expect(locks.length).toBe(info().possibleCpus + 1)
    locks.unlock(cpu)
    expect(() => {
      locks.unlock(cpu)
    }).toThrow('expected CPU')
    for (const name of ['', 'a/b', '..', 7 as unknown as string]) {
      expect(() => shop.mutex(name)).toThrow('name: expected a name of 1 to 100')
      expect(() => shop.cpuLock(name)).toThrow('name: expected a name of 1 to 100')
    }
    expect(shop.objects().map(({ kind }) => kind)).toEqual(['cpuLock', 'mutex'])
  })

  test('its histograms are as asked for', async () => {
    const options = { lowest: 1, highest: 1_000_000, digits: 3 }
    const latency = shop.histogram('latency', options)
    latency.recordMany(Float64Array.of(5, 10, 2_000_000))
    const same = open().histogram('latency', options)
    expect(same.range).toEqual(options)
    same.record(1)
    expect(latency.snapshot()).toMatchObject({ count: 4, sum: 2_000_016, min: 1, max: 2_000_000 })
    expect(shop.histogram('latency').snapshot().count).toBe(0)
    expect(shop.objects().map(({ kind }) => kind)).toEqual(['histogram', 'histogram'])
    const url = new URL('../../lib/index.js', import.meta.url).href
    const code = `
      import { workerData } from 'node:worker_threads'
      const { PerCpuHistogram } = await import(workerData.url)
      const latency = PerCpuHistogram.from(workerData.buffer)
      for (let i = 0; i < 1000; i++) latency.record(7)`
    const module = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
    const worker = new Worker(module, { workerData: { url, buffer: latency.buffer } })
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    expect(same.snapshot()).toMatchObject({ count: 1004, sum: 2_007_016 })
  })

  test.each([
    ['its magic number', 0, 'was not made by rseq'],
    ['its version', 4, 'was made by another version'],
    ['its digits', 24, 'was overwritten'],
    ['the magic number of its region', 128, 'was not made by rseq'],
    ['the length of its region', 128 + 7 * 4, 'do not fit together'],
  ])('a histogram is refused if somebody overwrites %s', (_, at, message) => {
    shop.histogram('latency').record(5)
    const path = shop.objects()[0]?.path ?? ''
    const bytes = readFileSync(path)
    bytes.fill(0x77, at, at + 4)
    writeFileSync(path, bytes)
    expect(() => shop.histogram('latency')).toThrow(`${path} does not hold what its name says: `)
    expect(() => shop.histogram('latency')).toThrow(message)
  })

  test('an iteration gets what is written to another mapping', async () => {
    const ring = shop.ring('log', 4096)
    const writer = shop.ring('log', 4096)
    const records = ring.records()
    const first = records.next()
    await turn()
    writer.write(Uint8Array.of(5))
    expect([...((await first).value?.bytes ?? [])]).toEqual([5])
    await records.return(undefined)
  })

  test('the buffer goes to Workers', async () => {
    const counter = shop.counter('requests')
    const url = new URL('../../lib/index.js', import.meta.url).href
    const code = `
      import { workerData } from 'node:worker_threads'
      const { PerCpuCounter } = await import(workerData.url)
      const counter = PerCpuCounter.from(workerData.buffer)
      for (let i = 0; i < 100000; i++) counter.add(1)`
    const ended = [1, 2].map(() => {
      const module = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
      const worker = new Worker(module, { workerData: { url, buffer: counter.buffer } })
      return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
    })
    await Promise.all(ended)
    expect(counter.value).toBe(200_000)
  })

  test('a Worker on the portable backend uses its memory', async () => {
    const url = new URL('../../lib/index.js', import.meta.url).href
    const code = `
      import { parentPort, workerData } from 'node:worker_threads'
      const { PerCpuCounter, info } = await import(workerData.url)
      PerCpuCounter.from(workerData.buffer).add(4)
      parentPort.postMessage(info().backend)`
    const module = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
    const counter = shop.counter('requests')
    counter.add(3)
    const worker = new Worker(module, {
      workerData: { url, buffer: counter.buffer },
      env: { ...process.env, RSEQ_TIER: '', RSEQ_BACKEND: 'portable' },
    })
    const message = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    )
    expect(message).toBe('portable')
    expect(counter.value).toBe(7)
  })

  test('a copy of its memory is refused', () => {
    const { buffer } = shop.counter('requests')
    expect(() => PerCpuCounter.from(buffer.slice(0))).toThrow('is memory that processes share')
  })

  test('a file is unmapped when nobody has its buffer any more', async () => {
    const path = counterFile()
    const mapped = (): number => readFileSync('/proc/self/maps', 'utf8').split(path).length - 1
    const openAndClose = (): void => {
      const counters = Array.from({ length: 20 }, () => shop.counter('requests'))
      expect(mapped()).toBeGreaterThanOrEqual(20)
      for (const counter of counters) counter[Symbol.dispose]()
    }
    openAndClose()
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    for (let round = 0; round < 100 && mapped() > 0; round++) {
      gc()
      await turn()
    }
    expect(mapped()).toBe(0)
  })

  test.each([
    ...['', '.', '..', 'a/b', '../a', 'a..b', '.a', 'a.', 'a\0', 'a\n', 'ä', ' ', 'x'.repeat(101)],
    ...[7, null, undefined, {}],
  ])('%j is no name', (name) => {
    const expected = 'expected a name of 1 to 100 letters'
    expect(() => openShared(name as string, { directory: place.directory })).toThrow(expected)
    expect(() => shop.counter(name as string)).toThrow(expected)
    expect(() => shop.ring(name as string, 4096)).toThrow(expected)
    expect(shop.objects()).toEqual([])
  })

  test('options that do not exist are errors', () => {
    expect(() => open({ directry: '/dev/shm' })).toThrow("got 'directry'; did you mean 'directory'?")
    expect(() => open({ directory: 7 })).toThrow('directory: expected a string, got 7 (number)')
    expect(() => open({ identity: 'x'.repeat(65) })).toThrow(
      'identity: expected a string of at most 64 bytes',
    )
    expect(() => open({ identity: 'a\0b' })).toThrow('identity: expected a string without')
    expect(() => open({ trustOtherUsers: 1 })).toThrow(
      'trustOtherUsers: expected true or false, got 1 (number)',
    )
    expect(() => shop.counter('a', { type: 'i32' as 'i64' })).toThrow(
      "type: expected 'i64' or 'f64', got 'i32'",
    )
    expect(() => shop.counterArray('a', 0)).toThrow('length: expected an integer from 1')
    expect(() => shop.stack('a', 0)).toThrow('capacity: expected an integer from 1')
    expect(() => shop.array('a', 1.5)).toThrow('length: expected an integer from 1')
    expect(() => shop.ring('a', 100)).toThrow('bytesPerCpu: expected an integer from 256')
    expect(() => shop.ring('a', 4096, { polcy: 'discard' } as object)).toThrow("did you mean 'policy'?")
    for (const index of ['concurrency', 'cpus'] as 'concurrency'[]) {
      const expected = `index: expected 'cpu' in memory that processes share, as concurrency ids are each process's own, got '${index}'`
      expect(() => shop.counter('a', { index })).toThrow(expected)
      expect(() => shop.counterArray('a', 3, { index })).toThrow(expected)
      expect(() => shop.ring('a', 4096, { index })).toThrow(expected)
      expect(() => shop.stack('a', 4, { index })).toThrow(expected)
      expect(() => shop.array('a', 4, { index })).toThrow(expected)
    }
    shop.counter('a', { index: 'cpu' })
  })

  test('its files are for their owner only', () => {
    expect(statSync(counterFile()).mode & 0o777).toBe(0o600)
    expect(statSync(shop.path).mode & 0o777).toBe(0o700)
    expect(statSync(join(shop.path, 'processes')).mode & 0o777).toBe(0o600)
  })

  test('a damaged file is an error that names it', () => {
    const path = counterFile()
    const { size } = statSync(path)
    const header = readFileSync(path)
    const refused = (): unknown => {
      try {
        return shop.counter('requests').value
      } catch (error) {
        return (error as Error).message
      }
    }
    const short = (bytes: number): string =>
      `rseq: ${path}: expected a file of ${size} bytes, got one of ${bytes}: ` +
      'it was truncated, or rseq did not make it; remove it to begin anew'
    for (const bytes of [0, 1, size - 1]) {
      writeFileSync(path, header.subarray(0, bytes))
      expect(refused()).toBe(short(bytes))
    }
    writeFileSync(path, Buffer.concat([header, header]))
    expect(refused()).toBe(short(2 * size))
    writeFileSync(path, Buffer.alloc(size))
    expect(refused()).toContain(`rseq: ${path} does not hold what its name says: buffer: expected`)
    // Every word of the header, with garbage.
    for (let word = 0; word < 16; word++) {
      const damaged = Buffer.from(header)
      damaged.writeUInt32LE(0xdeadbeef, 4 * word)
      writeFileSync(path, damaged)
      expect(refused()).toContain(`rseq: ${path} does not hold what its name says`)
    }
    writeFileSync(path, header)
    expect(refused()).toBe(1)
  })

  test('a file of another specification under its name is an error', () => {
    shop.counterArray('a', 15)
    shop.counterArray('a', 16)
    const [one, other] = shop.objects()
    renameSync(one?.path ?? '', other?.path ?? '')
    expect(one?.bytes).toBe(other?.bytes)
    const opened = [15, 16].map((length) => () => shop.counterArray('a', length))
    // One of them is made anew; the other has the wrong file.
    const messages = opened.map((act) => {
      try {
        act()
        return ''
      } catch (error) {
        return (error as Error).message
      }
    })
    expect(messages.filter((message) => message.includes('does not hold what its name says'))).toHaveLength(1)
  })

  test('links, directories and pipes are no files', () => {
    const path = counterFile()
    const aside = join(place.directory, 'aside')
    renameSync(path, aside)
    symlinkSync(aside, path)
    expect(() => shop.counter('requests')).toThrow(`rseq: ${path}: expected a file, and it is a link`)
    rmSync(path)
    execFileSync('mkfifo', [path])
    expect(() => shop.counter('requests')).toThrow(`rseq: ${path}: expected a file, and it is something else`)
    rmSync(path)
    mkdirSync(path)
    expect(() => shop.counter('requests')).toThrow()
    symlinkSync(shop.path, join(place.directory, 'rseq.link'))
    expect(() => openShared('link', { directory: place.directory })).toThrow(
      'expected a directory, and no link',
    )
    writeFileSync(join(place.directory, 'rseq.file'), '')
    expect(() => openShared('file', { directory: place.directory })).toThrow('expected a directory')
  })

  test('what other users may write is refused, unless it is trusted', () => {
    const path = counterFile()
    const processes = join(shop.path, 'processes')
    for (const [refused, mode] of [
      [shop.path, 0o770],
      [processes, 0o602],
      [path, 0o620],
    ] as const) {
      const { mode: before } = statSync(refused)
      chmodSync(refused, mode)
      const bits = mode.toString(8)
      expect(() => open().counter('requests')).toThrow(
        `rseq: users other than its owner may write to ${refused} (its mode is ${bits}). ` +
          "Check who made it; if that may be, give the option 'trustOtherUsers: true'",
      )
      expect(open({ trustOtherUsers: true }).counter('requests').value).toBe(1)
      chmodSync(refused, before)
    }
  })

  test("other users' files are refused, unless they are trusted", ({ skip }) => {
    skip(process.geteuid?.() !== 0, 'only root can give files away')
    const path = counterFile()
    for (const given of [shop.path, join(shop.path, 'processes'), path]) {
      chownSync(given, 12345, 0)
      expect(() => open().counter('requests')).toThrow(
        `rseq: ${given} belongs to user 12345, and this process is user 0`,
      )
      expect(open({ trustOtherUsers: true }).counter('requests').value).toBe(1)
      chownSync(given, 0, 0)
    }
  })

  test('a damaged file of processes is an error', () => {
    const path = join(shop.path, 'processes')
    const sound = readFileSync(path)
    truncateSync(path, 100)
    expect(() => open()).toThrow(`rseq: ${path}: expected a file of ${sound.length} bytes, got one of 100`)
    writeFileSync(path, Buffer.alloc(sound.length))
    expect(() => open()).toThrow(`rseq: ${path} was not made by rseq, or was overwritten`)
    const newer = Buffer.from(sound)
    newer.writeUInt32LE(2, 4)
    writeFileSync(path, newer)
    expect(() => open()).toThrow('has another layout than this release of rseq uses (version 2)')
    writeFileSync(path, sound)
    expect(open().slot).toBe(shop.slot)
  })

  test('an identity guards against another service of its name', () => {
    const guarded = (identity?: string): SharedDirectory =>
      openShared('guarded', { directory: place.directory, ...(identity === undefined ? {} : { identity }) })
    guarded('shop of Ada')
    guarded('shop of Ada').counter('requests')
    expect(() => guarded('shop of Bob')).toThrow(
      'is of a service with the identity "shop of Ada", and this process asked for "shop of Bob"',
    )
    expect(() => guarded()).toThrow('and this process asked for ""')
  })

  test('a directory that is removed is made anew', () => {
    shop.counter('requests').add(1)
    rmSync(shop.path, { recursive: true })
    expect(() => shop.counter('requests')).toThrow()
    const again = open()
    expect(again.counter('requests').value).toBe(0)
    expect(again.processes().map(({ pid }) => pid)).toEqual([process.pid])
    expect(shop.counter('requests').value).toBe(0)
  })

  test('only tmpfs is accepted, in a directory that exists', ({ skip }) => {
    const missing = join(place.directory, 'none')
    expect(() => openShared('a', { directory: missing })).toThrow(
      `rseq: directory: expected one that exists, got ${missing}`,
    )
    const disk = tmpdir()
    skip(isTmpfs(disk), 'the temporary directory is on tmpfs')
    const directory = join(disk, `rseq.on-disk-${process.pid}`)
    try {
      expect(() => openShared(`on-disk-${process.pid}`, { directory: disk })).toThrow(
        `rseq: directory: expected one on tmpfs, such as /dev/shm, got ${dirname(directory)}`,
      )
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

function isTmpfs(directory: string): boolean {
  return execFileSync('stat', ['-f', '-c', '%T', directory], { encoding: 'utf8' }).trim() === 'tmpfs'
}
