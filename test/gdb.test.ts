import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { lintFile } from '../build/tools/lint/lint.js'
import { compileObjects, isInstalled, librarySources, link, ownArchitecture } from './support/toolchains.js'

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const SCRIPT = file('../docs/gdb/rseq.py')
const EXAMPLE = file('../docs/gdb/example.cc')
const STEPS = file('support/step-through.py')
/** What the example adds. */
const DELTA = 5
/** Far more than any way through needs, so that a step that never arrives ends the test. */
const LIMIT = 5000
const SECTION = 'rseq_load_add_store_cpu_id'

/** What the example prints of the counter. */
interface Result {
  registered: boolean
  value: number
  shards: number[]
  overflow: number
}

/** What it prints of the stack. */
interface StackResult {
  onCpus: number
  overflow: number
  popped: number
  left: number
}

let directory: string
let program: string

/** Runs the example under gdb, with the commands carried out one after the other. */
function gdb(...commands: string[]): string {
  const env = { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: undefined }
  const setUp = ['set confirm off', 'set startup-with-shell off', `source ${SCRIPT}`]
  const args = [...setUp, ...commands].flatMap((command) => ['-ex', command])
  const { stdout, stderr } = spawnSync('gdb', ['-nx', '-batch', ...args, program], { encoding: 'utf8', env })
  return stdout + stderr
}

function resultIn(output: string): Result {
  const line = /^\{ "registered": .*\}$/m.exec(output)?.[0]
  if (line === undefined) throw new Error(`the example printed no result:\n${output}`)
  return JSON.parse(line) as Result
}

/** Repeats a command from the start of add() until it has returned, and lets the program end. */
function stepThroughAdd(step: string, ...prepare: string[]): Result & { steps: number; output: string } {
  const output = gdb(
    'break add',
    'run',
    ...prepare,
    `set $step = "${step}"`,
    `set $limit = ${LIMIT}`,
    `source ${STEPS}`,
    'delete',
    'continue',
  )
  const steps = /^returned after (\d+) steps$/m.exec(output)?.[1]
  if (steps === undefined) throw new Error(`add() did not return:\n${output}`)
  return { ...resultIn(output), steps: Number(steps), output }
}

/** Repeats a command through push(), then through pop(). */
function stepThroughStack(step: string): StackResult & { returned: number; output: string } {
  const through = [`set $step = "${step}"`, `set $limit = ${LIMIT}`, `source ${STEPS}`, 'delete']
  const commands = ['break push', 'run', ...through, 'break pop', 'continue', ...through, 'continue']
  const output = gdb(...commands)
  const line = /^\{ "onCpus": .*\}$/m.exec(output)?.[0]
  if (line === undefined) throw new Error(`the program printed no result:\n${output}`)
  const returned = output.match(/^returned after \d+ steps$/gm)?.length ?? 0
  return { ...(JSON.parse(line) as StackResult), returned, output }
}

/** The addition is where it belongs: on one CPU's shard, and nowhere else. */
function expectOnOneShard({ value, shards, overflow }: Result): void {
  expect(value).toBe(DELTA)
  expect(overflow).toBe(0)
  expect(shards.filter((shard) => shard !== 0)).toEqual([DELTA])
}

/** The addition went the way that always works. */
function expectInOverflow({ value, shards, overflow }: Result): void {
  expect(value).toBe(DELTA)
  expect(overflow).toBe(DELTA)
  expect(shards.filter((shard) => shard !== 0)).toEqual([])
}

const hasGdb = isInstalled('gdb')
const hasCompiler = isInstalled('g++')
const missing = !hasGdb ? ' (gdb is not installed)' : !hasCompiler ? ' (g++ is not installed)' : ''

describe.skipIf(ownArchitecture === undefined || missing !== '')(`under gdb${missing}`, () => {
  /** Why there is nothing to see here, if so. */
  let reason = ''

  beforeAll(() => {
    const own = ownArchitecture ?? 'x86-64'
    directory = mkdtempSync(join(tmpdir(), 'rseq-gdb-'))
    // Debug information for the example, none for the library, as in a program that uses it.
    const objects = [
      ...compileObjects(own, directory, librarySources()),
      ...compileObjects(own, directory, [EXAMPLE], '-g'),
    ]
    program = link(own, join(directory, 'example'), objects)
    const { registered } = resultIn(execFileSync(program, { encoding: 'utf8' }))
    const output = gdb('run')
    const traced = output.includes('"registered"')
    if (!registered) reason = 'no restartable sequences on this machine'
    if (!traced && process.env['CI'] !== 'true') reason = `gdb cannot run programs here: ${output}`
  })
  afterAll(() => {
    rmSync(directory, { recursive: true })
  })

  test('stepi gets through an addition, by the overflow shard', ({ skip }) => {
    skip(reason !== '', reason)
    const result = stepThroughAdd('stepi')
    expectInOverflow(result)
    expect(result.steps).toBeLessThan(1000)
  })

  test('rseq-stepi gets through on the CPU’s own shard', ({ skip }) => {
    skip(reason !== '', reason)
    const result = stepThroughAdd('rseq-stepi')
    expectOnOneShard(result)
    expect(result.output).toMatch(new RegExp(`^${SECTION}: committed$`, 'm'))
    expect(result.steps).toBeLessThan(200)
  })

  test('stepi gets through a push and a pop, by the overflow shard', ({ skip }) => {
    skip(reason !== '', reason)
    expect(stepThroughStack('stepi')).toMatchObject({
      onCpus: 0,
      overflow: 1,
      popped: 1.5,
      left: 0,
      returned: 2,
    })
  })

  test('rseq-stepi gets through a push and a pop on the CPU’s own shard', ({ skip }) => {
    skip(reason !== '', reason)
    const result = stepThroughStack('rseq-stepi')
    expect(result).toMatchObject({ onCpus: 1, overflow: 0, popped: 1.5, left: 0, returned: 2 })
    expect(result.output.match(/^rseq_load_cbne_\w+_cpu_id: committed$/gm)).toHaveLength(2)
  })

  test('rseq-stepi with a count does as much', ({ skip }) => {
    skip(reason !== '', reason)
    const result = resultIn(gdb('break add', 'run', 'rseq-stepi 100', 'continue'))
    expectOnOneShard(result)
  })

  test.for(['next', 'step', 'finish'])('%s leaves sections alone', (step, { skip }) => {
    skip(reason !== '', reason)
    expectOnOneShard(stepThroughAdd(step))
  })

  test('a breakpoint in a section stops each attempt, and the addition still arrives', ({ skip }) => {
    skip(reason !== '', reason)
    const inside = `python [gdb.Breakpoint("*%#x" % s.start) for s in read_sections() if s.name() == "${SECTION}"]`
    const result = stepThroughAdd('continue', inside)
    expectInOverflow(result)
    const attempts = /kAttempts = (\d+);/.exec(readFileSync(file('../native/percpu/counter.h'), 'utf8'))?.[1]
    // The last step is the one that returns.
    expect(result.steps - 1).toBeGreaterThan(1)
    expect(result.steps - 1).toBeLessThanOrEqual(Number(attempts) + 1)
  })

  test('rseq-sections lists what the linter finds, at the addresses they are loaded at', ({ skip }) => {
    skip(reason !== '', reason)
    const lines = gdb('break add', 'run', 'rseq-sections').matchAll(
      /^0x([0-9a-f]+) to 0x([0-9a-f]+) {2}abort 0x([0-9a-f]+) {2}exits ([0-9a-fx, ]+?) {2}(\S+)$/gm,
    )
    const listed = [...lines].map(([, start, end, abort, exits, name]) => ({
      start: parseInt(start ?? '', 16),
      end: parseInt(end ?? '', 16),
      abort: parseInt(abort ?? '', 16),
      exits: (exits ?? '').split(', ').map((address) => parseInt(address, 16)),
      name,
    }))
    const { sections } = lintFile(program)
    expect(listed).toHaveLength(sections.length)
    // A program is moved as a whole.
    const base = (listed[0]?.start ?? 0) - Math.min(...sections.map(({ start }) => start))
    const expected = sections
      .map(({ start, length, abort, exits }) => ({
        start: base + start,
        end: base + start + length,
        abort: base + abort,
        exits: exits.map((exit) => base + exit).sort((a, b) => a - b),
        name: expect.stringMatching(/^rseq_load_/) as string,
      }))
      .sort((a, b) => a.start - b.start)
    expect(listed).toEqual(expected)
  })
})
