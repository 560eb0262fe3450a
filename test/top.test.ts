/** `rseq top` in a terminal, as text and as JSON: what it shows, what keys do, and how it leaves the terminal. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BarCharacters, barCharacters, barsText } from '../lib/cli/top/frame.js'
import { Model, type Row, choose } from '../lib/cli/top/model.js'
import { View } from '../lib/cli/top/view.js'
import { fit, printable, shortText, widthOf } from '../lib/cli/text.js'
import { Mutex, PerCpuCounter, PerCpuPool, PerCpuRing } from '../lib/index.js'
import type { ObjectSnapshot, ServiceSnapshot } from '../lib/inspect/index.js'
import { openShared } from '../lib/shared/index.js'
import { rseq } from './cli/command.js'
import { machineWithSectionsOr } from './support/machine.js'
import { timeBytesHere } from './support/record-time.js'
import { Place, WHY_NO_SHM } from './support/shared.js'
import { ProgramInTerminal } from './support/terminal.js'

const CLI = join(import.meta.dirname, '..', 'lib', 'cli', 'main.js')
const BARS: BarCharacters = { levels: '_12345678', overflow: '+' }
const HOSTILE = 'evil\x1b[2J\x1b]0;pwned\x07'

/** A counter of a service that is made up. */
function counter(name: string, perCpu: number[], made = '2026-01-01T00:00:00.000Z'): ObjectSnapshot {
  const file = `${name}.counter.00000000`
  const total = perCpu.reduce((sum, share) => sum + share, 0)
  return {
    ...{
      name,
      kind: 'counter',
      generation: '00000000',
      file,
      bytes: 560,
      allocated: 4096,
      made,
      isRetired: false,
    },
    ...{ content: 'counters', element: 'i64', length: 1, total, perCpu, overflow: 0, values: [total] },
  }
}

function service(at: number, objects: ObjectSnapshot[]): ServiceSnapshot {
  const process = { generation: 1, since: '2026-01-01T00:00:00.000Z' }
  return {
    ...{ format: 1, service: 'shop', path: '/dev/shm/rseq.shop', identity: '', problems: [], objects, at },
    time: '2026-01-01T00:00:01.000Z',
    processes: [
      { slot: 1, pid: 4711, way: 'fast' as const, title: HOSTILE, living: true, ...process },
      { slot: 2, pid: 4712, way: 'fast' as const, title: 'worker 工人', living: false, ...process },
    ],
  }
}

describe('the model', () => {
  test('knows rates of two looks, and the CPUs that made them', () => {
    const model = new Model()
    const ofLook = (): unknown => model.rows.map(({ total, rate, perCpu }) => [total, rate, perCpu])
    model.take(service(1000, [counter('a', [100, 5]), counter('b', [1, 2])]))
    expect(ofLook()).toEqual([
      [105, null, [100, 5]],
      [3, null, [1, 2]],
    ])
    model.take(service(1500, [counter('a', [100, 15]), counter('b', [1, 2])]))
    expect(ofLook()).toEqual([
      [115, 20, [0, 10]],
      [3, 0, [1, 2]],
    ])
    const again = counter('a', [1, 0], '2026-02-02T00:00:00.000Z')
    model.take(service(2500, [again, counter('c', [1])]))
    expect(ofLook()).toEqual([
      [1, null, [1, 0]],
      [1, null, [1]],
    ])
  })

  test('sorts and filters', () => {
    const row = (name: string, total: number | null, rate: number | null): Row => ({
      ...{ object: counter(name, [total ?? 0]), total, rate, perCpu: [], overflow: 0 },
    })
    const rows = [row('b10', 5, 1), row('b9', 7, null), row('a', null, -3), row('B2', 7, 2)]
    const names = (sort: 'rate' | 'total' | 'name', isReversed = false, filter = ''): string[] =>
      choose(rows, { sort, isReversed, filter }).map(({ object }) => object.name)
    expect(names('rate')).toEqual(['B2', 'b10', 'a', 'b9'])
    expect(names('total')).toEqual(['B2', 'b9', 'b10', 'a'])
    expect(names('name')).toEqual(['a', 'B2', 'b9', 'b10'])
    expect(names('name', true, 'b')).toEqual(['b10', 'b9', 'B2'])
    expect(names('name', false, 'COUNTER')).toHaveLength(4)
    expect(names('name', false, '.*')).toEqual([])
  })
})

describe('the lines', () => {
  test('bars have a character for each CPU, or for neighbours where there is no room', () => {
    const bars = (perCpu: number[], overflow = 0, room = 32): string =>
      barsText({ object: counter('a', []), total: 0, rate: 0, perCpu, overflow }, room, BARS)
    expect(bars([0, 1, 50, 100])).toBe('_148')
    expect(bars([0, 0])).toBe('__')
    expect(bars([])).toBe('')
    expect(bars([8, 4], 4)).toBe('84+4')
    expect(bars(Array<number>(64).fill(1), 0, 32)).toBe('8'.repeat(32))
    expect(barCharacters({ LANG: 'C' }).levels).toMatch(/^[ -~]+$/)
    expect(barCharacters({ LANG: 'C', LC_ALL: 'de_DE.UTF-8' }).levels).toContain('█')
  })

  test('numbers and texts fit', () => {
    expect([0, 0.25, 1.5, 999, 1000, 12_345, -45_600_000, 1e30].map(shortText)).toEqual([
      ...['0', '0.25', '1.5', '999', '1k', '12.3k', '-45.6M', '1.00e+30'],
    ])
    expect(fit('工人abc', 5)).toBe('工人…')
    expect(widthOf('工人')).toBe(4)
    expect(fit('ab', 4, true)).toBe('  ab')
    expect(printable(HOSTILE)).toBe('evil?[2J?]0;pwned?')
  })

  test('a frame has the size of the terminal, whatever that is, and no control characters', () => {
    const model = new Model()
    const objects = Array.from({ length: 50 }, (_, i) => counter(i === 3 ? HOSTILE : `object-${i}`, [i, 1]))
    const frameOf = (view: View, width: number, height: number): string[] =>
      view.frame(width, height).map((line) => line.map(({ text }) => text).join(''))
    const view = new View(model, {
      ...{ given: 'shop', interval: 1000, characters: BARS },
      choice: { sort: 'rate', isReversed: false, filter: '' },
    })
    expect(frameOf(view, 80, 24)).toHaveLength(24)
    model.take(service(0, objects))
    const keys = [
      {},
      { name: 'down' },
      { name: 'return' },
      { name: 'tab' },
      { sequence: '/' },
      { sequence: 'o' },
    ]
    for (const key of [...keys, { name: 'return' }, { name: 'end' }, { name: 'pageup' }]) {
      view.press(key)
      for (const width of [1, 2, 5, 20, 33, 47, 80, 133, 300]) {
        for (const height of [1, 2, 3, 7, 24, 60]) {
          const frame = frameOf(view, width, height)
          expect(frame).toHaveLength(height)
          for (const line of frame) {
            expect(widthOf(line)).toBeLessThanOrEqual(width)
            expect(line).not.toMatch(/[\u0000-\u001f\u007f]/)
          }
        }
      }
    }
    expect(frameOf(view, 40, 10)[2]).toMatch(/^object +total/)
  })
})

describe('rseq top', () => {
  let directory: string
  let path: string
  const running: ProgramInTerminal[] = []
  beforeEach(() => {
    // A reader from outside needs a directory with files, and no native library.
    directory = mkdtempSync(join(tmpdir(), 'rseq-test-'))
    path = join(directory, 'rseq.shop')
    mkdirSync(path)
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((program) => program.end()))
    rmSync(directory, { recursive: true })
  })

  function put(file: string, { buffer }: { buffer: SharedArrayBuffer }): void {
    writeFileSync(join(path, file), new Uint8Array(buffer))
  }

  function putCounter(name: string, total: number): void {
    const made = new PerCpuCounter()
    made.add(total)
    put(`${name}.counter.00000001`, made)
  }

  function putAll(): void {
    putCounter('requests', 1234)
    putCounter('errors', 5)
    const pool = new PerCpuPool({ blocks: 16, blockSize: 100 })
    pool.alloc()
    put('buffers.pool.00000004', pool)
    const ring = new PerCpuRing(1024)
    ring.write(Buffer.from('hello'))
    put('log.ring.00000005', ring)
    const mutex = new Mutex()
    mutex.lock()
    put('gate.mutex.00000007', mutex)
    mutex.unlock()
    writeFileSync(join(path, 'broken.counter.00000008'), 'x')
  }

  const top = (...args: string[]): ReturnType<typeof rseq> =>
    rseq(['top', 'shop', '--directory', directory, ...args])

  function live(columns: number, rows: number, args: string[] = [], node: string[] = []): ProgramInTerminal {
    const command = [process.execPath, ...node, CLI, 'top', 'shop', '--directory', directory, ...args]
    const program = new ProgramInTerminal(command, columns, rows)
    running.push(program)
    return program
  }

  test('--once prints one look as text', async () => {
    putAll()
    const { status, stdout, stderr } = await top('--once', '--sort', 'name')
    expect([status, stderr]).toEqual([0, ''])
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^shop {2}\S+rseq\.shop {2}6 objects, /)
    const row = (name: string): string | undefined => lines.find((line) => line.startsWith(name))
    expect(row('object')).toMatch(/^object +kind +total +CPUs +allocated +what it holds$/)
    expect(row('requests')).toMatch(/^requests +counter +1,234 /)
    expect(row('buffers')).toMatch(/15 of 16 blocks free/)
    expect(row('log')).toContain(`discard, holds ${32 + timeBytesHere()} B, 0 dropped`)
    expect(row('gate')).toMatch(/^gate +mutex +1 .*locked by .*thread \d+/)
    expect(row('broken')).toMatch(/is too short for a header/)
    expect(lines.slice(4, 10).map((line) => line.split(' ')[0])).toEqual([
      ...['broken', 'buffers', 'errors', 'gate', 'log', 'requests'],
    ])
    expect(stdout).not.toContain('\x1b')
  })

  test('--once --json prints the chosen objects of a snapshot', async () => {
    putAll()
    const { stdout } = await top('--once', '--json', '--filter', 'counter', '--sort', 'total', '--reverse')
    expect(stdout.trimEnd()).not.toContain('\n')
    const { objects } = JSON.parse(stdout) as ServiceSnapshot
    expect(objects.map(({ name }) => name)).toEqual(['broken', 'errors', 'requests'])
  })

  test('--json prints a snapshot at each look, also of a service that goes and comes, until it is interrupted', async () => {
    putCounter('requests', 1)
    const args = ['top', 'shop', '--directory', directory, '--json', '--interval', '100']
    const command = spawn(process.execPath, [CLI, ...args])
    const ended = once(command, 'exit')
    let told = ''
    command.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
    const totals: unknown[] = []
    for await (const line of createInterface(command.stdout)) {
      const { objects } = JSON.parse(line) as { objects: { total: number }[] }
      totals.push(objects.map(({ total }) => total))
      if (totals.length === 2) {
        rmSync(path, { recursive: true })
        await once(command.stderr, 'data')
        mkdirSync(path)
        putCounter('requests', 7)
      }
      if (String(totals.at(-1)) === '7') break
    }
    command.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    expect(totals.slice(0, 2)).toEqual([[1], [1]])
    expect(told).toMatch(/^rseq: service: expected one that exists/)
  })

  test.each([
    [['--sort', 'size2'], 'Allowed choices are rate, total, name, kind, size.'],
    [['--interval', '1'], 'Expected a whole number from 100 to 3600000.'],
    [['--json', '--web'], "option '--json' cannot be used with option '--web'"],
    [['--bogus'], "unknown option '--bogus'"],
    [[], 'the output is no terminal; --once prints one look'],
  ])('%j is refused', async (args, message) => {
    const { status, stderr } = await top(...args)
    expect(stderr).toContain(message)
    expect(status).toBe(1)
  })

  test('--once of a service that is not there is an error', async () => {
    const ran = await rseq(['top', 'none', '--once', '--directory', directory])
    expect(ran).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining("'none'") as string })
  })

  test('without terminal-kit it says what to install', async () => {
    const without = join(import.meta.dirname, 'support', 'programs', 'without-package.cjs')
    process.env['WITHOUT'] = 'terminal-kit'
    const program = live(200, 10, [], ['--require', without])
    delete process.env['WITHOUT']
    expect((await program.ended).status).toBe(1)
    expect(program.text.trim()).toBe(
      'rseq: the live view needs the package terminal-kit, which is not installed: npm install terminal-kit; ' +
        '--once and --json need none',
    )
  })

  test('shows all objects, follows them, and does what keys ask for', async () => {
    putAll()
    const program = live(120, 30, ['--interval', '100'])
    await program.until((text) => /^requests +counter +1,234 +0 /m.test(text))
    expect(program.hasScreen).toBe(true)
    expect(program.hidesCursor).toBe(true)
    expect(program.lines[0]).toMatch(/^shop {2}.* UTC$/)
    expect(program.text).toContain('15 of 16 blocks free')
    expect(program.text).toContain('sort: rate')
    putCounter('requests', 5_000_000)
    await program.until((text) => /^requests +counter +5,000,000 /m.test(text))

    program.type('ss')
    await program.until((text) => text.includes('sort: name'))
    await program.until((text) => /\nbroken .*\nbuffers /.test(text))
    program.type('r')
    await program.until((text) => /\nrequests .*\nlog /.test(text))
    program.type('/err')
    await program.until((text) => text.includes('1 of 6 objects') && text.includes('filter: err'))
    program.type('\r')
    await program.until((text) => text.includes("filter 'err'") && text.includes('q  quit'))
    program.type('\r')
    await program.until((text) => /^a second +/m.test(text) && text.includes('share of each CPU'))
    program.type('\r/')
    await program.until((text) => text.includes('Enter keeps it'))
    program.type('\x15\r')
    await program.until((text) => /^\S+ +\S*\n6 objects/m.test(text) || text.includes('\n6 objects'))
    program.type('\t')
    await program.until((text) => text.includes('Tab  objects'))
    program.type('p')
    await program.until((text) => text.includes('paused'))
    program.type('q')
    expect(await program.ended).toEqual({ status: 0, isRestored: true })
    expect(program.hasScreen).toBe(false)
    expect(program.hidesCursor).toBe(false)
  })

  test('fits narrow, low and resized terminals', async () => {
    putAll()
    const program = live(100, 24, ['--interval', '100'])
    await program.until((text) => text.includes('q  quit'))
    program.resize(30, 8)
    await program.until((text) => /\nobject +total +a second( +CPUs)?\n/.test(text))
    program.resize(4, 2)
    await program.until((text) => text === 'shop\n6 o…')
    program.resize(140, 40)
    await program.until((text) => text.includes('what it holds') && text.includes('Tab  processes'))
    program.type('q')
    expect((await program.ended).status).toBe(0)
  })

  test('waits for a service that is not there yet, and goes on when it vanishes and comes back', async () => {
    rmSync(path, { recursive: true })
    const program = live(100, 24, ['--interval', '100'])
    await program.until((text) => text.includes('service: expected one that exists'))
    mkdirSync(path)
    putCounter('requests', 11)
    await program.until((text) => /^requests .* 11 /m.test(text) && !text.includes('expected'))
    rmSync(path, { recursive: true })
    // What was seen last stays on the screen.
    await program.until((text) => text.includes('expected one that exists') && /^requests .* 11 /m.test(text))
    mkdirSync(path)
    putCounter('requests', 22)
    await program.until((text) => /^requests .* 22 /m.test(text) && !text.includes('expected'))
    program.type('q')
    expect((await program.ended).status).toBe(0)
  })

  test('names and keys that are made to steer the terminal do not', async () => {
    putCounter(HOSTILE, 1)
    const program = live(100, 24, ['--interval', '100'])
    let title = ''
    program.terminal.onTitleChange((text) => (title = text))
    await program.until((text) => text.includes('evil?[2J?]0;pwned?'))
    // Bytes that are no UTF-8, and a sequence that is no key.
    program.type(Buffer.from([0x80, 0xff, 0xc3, 0x1b, 0x5b, 0x39, 0x39, 0x39, 0x7e]))
    program.type('/')
    await program.until((text) => text.includes('filter: '))
    program.type('\x1b[2J\x1b]0;pwned\x07')
    await program.until((text) => text.includes('filter: 0;pwned'))
    program.type('\x03')
    expect(await program.ended).toEqual({ status: 0, isRestored: true })
    expect(title).toBe('')
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s gives the terminal back', async (signal) => {
    putCounter('requests', 1)
    const program = live(80, 24)
    await program.until((text) => text.includes('q  quit'))
    program.signal(signal)
    expect(await program.ended).toEqual({ status: 0, isRestored: true })
    expect([program.hasScreen, program.hidesCursor]).toEqual([false, false])
  })
})

describe.skipIf(WHY_NO_SHM !== '')('rseq top, of a service of processes', () => {
  let place: Place
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
  })
  afterEach(async () => {
    await place.end()
  })

  test('shows who holds blocks and locks, also when they have died', async () => {
    const shop = openShared('shop', { directory: place.directory })
    const pool = { blocks: 100, blockSize: 64 }
    shop.pool('blocks', pool).alloc()
    const gate = shop.mutex('gate')
    gate.lock()
    const actor = await place.actor('shop')
    await actor.ask('hold', { pool, list: { nodes: 4, payloadSize: 8 }, count: 3 })
    await actor.ask('lock', { mutex: 'theirs', cpuLock: 'cpus' })
    const rows = async (): Promise<string> =>
      (await rseq(['top', 'shop', '--once', '--directory', place.directory])).stdout
    const before = await rows()
    expect(before).toMatch(/^blocks .* 96 of 100 blocks free; held: 3 by slot 2, 1 by slot 1$/m)
    expect(before).toMatch(/^gate +mutex +1 .* locked by slot 1, thread \d+$/m)
    expect(before).toMatch(/^theirs +mutex +1 .* locked by slot 2, thread \d+$/m)
    expect(before).toMatch(/^cpus +cpulock +1 .* 1 locked; .*locked by slot 2, thread \d+$/im)
    expect(before).toMatch(/^processes: 2 living, 0 ended$/m)
    await actor.kill()
    const after = await rows()
    expect(after).toMatch(/^blocks .* held: 3 by slot 2 \(died\), 1 by slot 1$/m)
    expect(after).toMatch(/^theirs .* locked by slot 2 \(died\), thread \d+$/m)
    expect(after).toMatch(/^slot 2 +process \d+ +ended /m)
    gate.unlock()
    expect(await rows()).toMatch(/^gate +mutex +0 .* free$/m)
  })
})
