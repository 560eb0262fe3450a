/** `rseq demo`: what it shows, that it says so if a total is wrong, and that it leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { factorText, findPromClient, median, nsText } from '../lib/cli/demo/cost.js'
import { Ledger, judge, ledgerBytes } from '../lib/cli/demo/ledger.js'
import { judgeRecords } from '../lib/cli/demo/recorder.js'
import type { DemoResults, TotalsResult } from '../lib/cli/demo/results.js'
import { bar } from '../lib/cli/demo/stage.js'
import { environment, rseq } from './cli/command.js'
import { WHY_NO_SHM } from './support/shared.js'
import { ProgramInTerminal } from './support/terminal.js'

const CLI = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url))
const BROKEN = new URL('support/programs/broken-total.mjs', import.meta.url).href
const PRETEND = new URL('support/pretend.mjs', import.meta.url).href
const SHM = '/dev/shm'

describe('totals are judged', () => {
  test.each([
    [10, { begun: 12, confirmed: 10 }, true, 2],
    [12, { begun: 12, confirmed: 10 }, true, 2],
    [9, { begun: 12, confirmed: 10 }, false, 2],
    [13, { begun: 12, confirmed: 10 }, false, 2],
    [10, { begun: 10, confirmed: 10 }, true, 0],
    [11, { begun: 10, confirmed: 10 }, false, 0],
    [NaN, { begun: 10, confirmed: 10 }, false, 0],
  ])('%d by %j', (total, sums, exact, inFlight) => {
    expect(judge(total, sums)).toEqual({ total, confirmed: sums.confirmed, inFlight, exact })
  })

  test('by what all seats have noted, also when one was killed within an addition', () => {
    const ledger = new Ledger(new SharedArrayBuffer(ledgerBytes(3)), 3)
    let total = 0
    const add = (): void => {
      total++
    }
    const killed = (): never => {
      total++
      throw new Error('killed')
    }
    ledger.addMany(add, 0, 10)
    ledger.addMany(add, 2, 5)
    expect(judge(total, ledger.sums())).toEqual({ total: 15, confirmed: 15, inFlight: 0, exact: true })
    expect(() => {
      ledger.addMany(killed, 2, 5)
    }).toThrow('killed')
    // The next one on that seat goes on.
    ledger.addMany(add, 2, 4)
    expect(judge(total, ledger.sums())).toEqual({ total: 20, confirmed: 19, inFlight: 1, exact: true })
    expect(judge(total + 1, ledger.sums()).exact).toBe(false)
    expect(judge(total - 2, ledger.sums()).exact).toBe(false)
    expect(ledger.plain).toBe(19)
  })
})

test.each([
  [[1, 2, 3], 3, { newest: 3, gaps: 0, complete: true }],
  [[3, 1, 4, 2], 3, { newest: 4, gaps: 0, complete: true }],
  [[1, 2, 3], 4, { newest: 3, gaps: 0, complete: false }],
  [[1, 2, 3, 4, 5], 3, { newest: 5, gaps: 0, complete: false }],
  [[1, 4, 5], 5, { newest: 5, gaps: 2, complete: false }],
  [[], 2, { newest: 0, gaps: 0, complete: false }],
])('the recorder with the events %j, of which %d are confirmed', (numbers, confirmed, judged) => {
  expect(judgeRecords(numbers, confirmed)).toEqual(judged)
})

test('costs are written with their units, and compared', () => {
  expect([0.97, 4.44, 53.2, 163.4, 994.9, 1234, 99_500].map(nsText)).toEqual([
    ...['1.0 ns', '4.4 ns', '53.2 ns', '163 ns', '995 ns', '1.2 us', '100 us'],
  ])
  expect(nsText(NaN)).toBe('-')
  expect([factorText(53, 4), factorText(1, 4), factorText(8000, 4), factorText(NaN, 4)]).toEqual([
    ...['13 x', '0.3 x', '2,000 x', ''],
  ])
  expect([median([3, 1, 2]), median([])]).toEqual([2, NaN])
})

test('bars have parts of cells, and what is not nothing is seen', () => {
  const glyphs = { full: '█', parts: ['▏', '▎', '▍', '▌', '▋', '▊', '▉'] } as unknown as Parameters<
    typeof bar
  >[2]
  expect([0, 0.0001, 0.5, 0.53125, 1, 7].map((share) => bar(share, 4, glyphs))).toEqual([
    ...['', '▏', '██', '██▏', '████', '████'],
  ])
})

describe('rseq demo', () => {
  let directory: string
  const running: ChildProcess[] = []
  const terminals: ProgramInTerminal[] = []
  beforeEach(() => {
    directory = mkdtempSync(join(existsSync(SHM) ? SHM : tmpdir(), 'rseq-test-'))
  })
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill('SIGKILL')
    await Promise.all(terminals.splice(0).map((program) => program.end()))
    rmSync(directory, { recursive: true })
  })

  /** The processes with the directory of the test among their arguments. */
  function processesHere(): string[] {
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').includes(directory)
        } catch {
          return false // It has ended meanwhile.
        }
      })
  }

  /** What is killed at the end may take its time to go, so this waits; a test that leaves something behind runs out of time. */
  async function untilNothingIsLeft(): Promise<void> {
    const isProcHere = existsSync('/proc/self/cmdline')
    while (readdirSync(directory).length > 0 || (isProcHere && processesHere().length > 0)) await pause(20)
  }

  const demo = (
    args: string[],
    env: Record<string, string> = {},
    cwd = process.cwd(),
  ): ReturnType<typeof rseq> =>
    rseq(['demo', '--seconds', '1', '--directory', directory, ...args], env, { cwd })

  function expectExact(result: TotalsResult | null): void {
    expect(result?.exact).toBe(true)
    const { seats, kills, checks, total, confirmed, inFlight, lost } = result as TotalsResult
    expect(checks.length).toBeGreaterThan(0)
    // One at random in each round, and all at its end.
    expect(kills).toBeGreaterThanOrEqual(checks.length * (seats + 1))
    for (const check of checks)
      expect(check).toEqual(
        judge(check.total, {
          begun: check.confirmed + check.inFlight,
          confirmed: check.confirmed,
        }),
      )
    expect(checks.at(-1)).toEqual({ total, confirmed, inFlight, exact: true })
    expect(total - confirmed).toBeGreaterThanOrEqual(0)
    expect(total - confirmed).toBeLessThanOrEqual(inFlight)
    expect(inFlight).toBeLessThanOrEqual(kills)
    expect(confirmed).toBeGreaterThan(0)
    expect(lost.plain).toBeGreaterThanOrEqual(-kills)
    expect(lost.messages).toBeGreaterThanOrEqual(0)
  }

  test('finds exact totals, costs and a complete recorder, as JSON', async ({ skip }) => {
    skip(WHY_NO_SHM !== '', WHY_NO_SHM)
    const { status, stdout, stderr } = await demo(['--json'])
    expect([status, stderr]).toEqual([0, ''])
    const found = JSON.parse(stdout) as DemoResults
    expect([found.passed, found.interrupted]).toEqual([true, null])
    expectExact(found.threads)
    expectExact(found.processes as TotalsResult)
    const { rows = [], rounds, promClient } = found.cost ?? {}
    expect(promClient).toMatch(/^15\./)
    expect(rounds).toBeGreaterThanOrEqual(3)
    expect(rows.map(({ name }) => name)).toEqual([
      ...['counter', 'atomics', 'rseq/prom-client', 'prom-client'],
      ...['rseq/prom-client, labels', 'prom-client, labels', 'message'],
    ])
    for (const row of rows) {
      expect(row.oneThread, row.name).toBeGreaterThanOrEqual(0)
      expect(row.threads, row.name).toBeGreaterThanOrEqual(0)
    }
    const { recorder } = found
    expect(recorder).toMatchObject({ killed: 'process', reason: null, gaps: 0, complete: true })
    expect(recorder?.newest).toBeGreaterThanOrEqual(30)
    expect(recorder?.last.map(({ number }) => number)).toEqual(
      Array.from({ length: 8 }, (_, k) => (recorder?.newest ?? 0) - 7 + k),
    )
    await untilNothingIsLeft()
  })

  test('prints plain lines where there is no terminal, in ASCII if the locale is, and says that prom-client is missing', async () => {
    const { status, stdout, stderr } = await demo([], { LC_ALL: 'C' }, directory)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).not.toMatch(/[^\n -~]/)
    const headings = stdout.match(/^\d {2}.*$/gm)?.map((line) => line[0])
    expect(headings).toEqual(['1', '2', '3', '4'])
    expect(stdout).toMatch(
      /^ {2}check 1: \d+ terminated; [\d,]+ additions noted, [\d,]+ in the counter: exact$/m,
    )
    expect(stdout).toMatch(/^ {2}ok +Exact in /m)
    expect(stdout).toMatch(/^ {2}rseq counter\.add\(1\) +[\d.]+ [nu]s +[\d.]+ [nu]s +#+$/m)
    expect(stdout).toMatch(/^ {2}rseq\/prom-client inc\(\) /m)
    expect(stdout).not.toMatch(/^ {2}prom-client inc/m)
    expect(stdout).toContain('prom-client is not installed where you are')
    expect(stdout).toContain('What this machine has shown')
    await untilNothingIsLeft()
  })

  test('says so, and ends with 1, if totals are wrong', async ({ skip }) => {
    skip(WHY_NO_SHM !== '', WHY_NO_SHM)
    const env = { NODE_OPTIONS: `--import ${BROKEN}` }
    const parts = ['threads', 'processes', 'recorder'] as const
    const [threads, processes, recorder] = await Promise.all(parts.map((only) => demo(['--only', only], env)))
    for (const ran of [threads, processes]) {
      expect(ran?.status).toBe(1)
      expect(ran?.stdout).toMatch(/in the counter: WRONG$/m)
      expect(ran?.stdout).toMatch(/A TOTAL WAS WRONG: [\d,]+, expected [\d,]+( to [\d,]+)?\./)
      expect(ran?.stdout).toContain('A total was wrong while')
    }
    expect(recorder?.status).toBe(1)
    expect(recorder?.stdout).toContain('EVENTS ARE MISSING')
    const { stdout, status } = await demo(['--only', 'threads', '--json'], env)
    const found = JSON.parse(stdout) as DemoResults
    expect([status, found.passed, found.threads?.exact]).toEqual([1, false, false])
    expect([found.processes, found.cost, found.recorder]).toEqual([null, null, null])
    await untilNothingIsLeft()
  })

  test('on the portable backend without a native library, says which part cannot run, and kills a thread instead of a process', async () => {
    const env = { NODE_OPTIONS: `--import ${PRETEND}`, PRETEND_PLATFORM: 'darwin-arm64' }
    const [json, text] = await Promise.all([demo(['--json'], env), demo(['--only', 'processes'], env)])
    expect([json.status, json.stderr, text.status, text.stderr]).toEqual([0, '', 0, ''])
    const found = JSON.parse(json.stdout) as DemoResults
    expect(found.machine).toMatchObject({ backend: 'portable', platform: 'darwin-arm64' })
    expectExact(found.threads)
    expect(found.processes).toEqual({ skipped: expect.stringMatching(/./) as string })
    expect(found.recorder).toMatchObject({ killed: 'thread', complete: true })
    expect(text.stdout.replace(/\s+/g, ' ')).toContain(
      'This cannot be shown here, because processes cannot share memory',
    )
    await untilNothingIsLeft()
  })

  test('on the portable backend with a native library, processes share memory', async ({ skip }) => {
    skip(WHY_NO_SHM !== '', WHY_NO_SHM)
    const { status, stdout } = await demo(['--only', 'processes', '--json'], { RSEQ_BACKEND: 'portable' })
    const found = JSON.parse(stdout) as DemoResults
    expect([status, found.machine.backend]).toEqual([0, 'portable'])
    if (found.processes !== null && !('skipped' in found.processes)) expectExact(found.processes)
    await untilNothingIsLeft()
  })

  /** Starts the demo for an hour, and resolves when it has printed a text. */
  async function start(
    only: string,
    text: RegExp,
  ): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
    const args = [CLI, 'demo', '--seconds', '3600', '--only', only, '--directory', directory]
    const child = spawn(process.execPath, args, { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
    running.push(child)
    const ended = once(child, 'close')
    let printed = ''
    await new Promise<void>((resolve) => {
      // Goes on to read: a command whose output nobody reads ends by itself.
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        printed += piece
        if (text.test(printed)) resolve()
      })
      child.once('close', resolve)
    })
    expect(printed).toMatch(text)
    return { child, ended }
  }

  test.each([
    ['threads', 'SIGTERM', /check 1:/, 143],
    ['processes', 'SIGHUP', /check 1:/, 129],
    ['cost', 'SIGINT', /What an update costs/, 130],
  ] as const)(
    'interrupted in the part %s by %s, leaves nothing behind',
    async (only, signal, text, status) => {
      const { child, ended } = await start(only, text)
      child.kill(signal)
      expect(await ended).toEqual([status, null])
      await untilNothingIsLeft()
    },
  )

  test('ended while it records, leaves nothing behind', async () => {
    const { child, ended } = await start('recorder', /What a recorder has/)
    child.kill('SIGINT')
    // The signal may have come when the recorder was shown: this part takes some seconds only.
    expect([0, 130]).toContain((await ended)[0])
    await untilNothingIsLeft()
  })

  test('killed, takes its processes with it', async ({ skip }) => {
    skip(WHY_NO_SHM !== '', WHY_NO_SHM)
    const { child, ended } = await start('processes', /check 1:/)
    child.kill('SIGKILL')
    await ended
    // Its files stay if it was killed between two rounds, when none of its processes ran.
    while (processesHere().length > 0) await pause(20)
  })

  test('Ctrl-C in a terminal ends it and its processes, and gives the terminal back', async ({ skip }) => {
    skip(WHY_NO_SHM !== '', WHY_NO_SHM)
    const args = [CLI, 'demo', '--seconds', '3600', '--only', 'processes', '--directory', directory]
    const program = new ProgramInTerminal([process.execPath, ...args], 80, 24, environment())
    terminals.push(program)
    await program.until((text) => /killed so far/.test(text) && /s to go/.test(text))
    expect(program.hidesCursor).toBe(true)
    program.type('\x03')
    expect(await program.ended).toEqual({ status: 130, isRestored: true })
    expect([program.hidesCursor, program.hasScreen]).toEqual([false, false])
    expect(program.text).not.toContain('s to go')
    await untilNothingIsLeft()
  })

  test.each([80, 120])(
    'in a terminal of %d columns, shows all parts, each once, in lines that fit',
    async (columns) => {
      const args = [CLI, 'demo', '--seconds', '2', '--directory', directory]
      const program = new ProgramInTerminal([process.execPath, ...args], columns, 120, environment())
      terminals.push(program)
      expect((await program.ended).status).toBe(0)
      const { lines, text } = program
      expect(lines.filter((line) => /^\d {2}/.test(line)).map((line) => line[0])).toEqual([
        '1',
        '2',
        '3',
        '4',
      ])
      expect(text.match(/^ {2}rseq counter /gm)?.length).toBe(2)
      expect(text).not.toMatch(/s to go|…/)
      // Nothing was wrapped by the terminal, and nothing is left of what changed.
      for (const line of lines) expect(line).toMatch(/^( {2}|\d {2}|rseq demo|What this machine|$)/)
      expect(text).toContain('What this machine has shown')
      expect(program.hidesCursor).toBe(false)
      await untilNothingIsLeft()
    },
  )

  test.each([
    [['--seconds', '0'], 'Expected a whole number from 1 to 3600.'],
    [['--only', 'all'], 'Allowed choices are threads, processes, cost, recorder.'],
    [['--bogus'], "unknown option '--bogus'"],
  ])('%j is refused', async (args, message) => {
    const { status, stderr } = await rseq(['demo', ...args])
    expect(status).toBe(1)
    expect(stderr).toContain(message)
  })

  test('looks for prom-client where the user is', () => {
    expect(findPromClient(join(import.meta.dirname, '..'))?.version).toMatch(/^15\./)
    expect(findPromClient(directory)).toBeNull()
  })
})
