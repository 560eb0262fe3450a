/**
 * SIGKILL at the system calls of a process that makes a service and its objects, retires generations, allocates more memory and
 * ends: what the next process finds.
 *
 * A test takes some of the calls, evenly spread. `RSEQ_KILL_EVERY=1 npx vitest run test/shared-making.test.ts` takes every one.
 */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type TestContext, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SUPPORT_FILE, supportOr } from './support/addon.js'
import { machineWithSectionsOr } from './support/machine.js'
import { Place, WHY_NO_SHM } from './support/shared.js'

const root = join(import.meta.dirname, '..')
const TRACER = join(root, 'build/native-test/calls')
const [MAKING, CHECKER] = ['making', 'making-checker'].map((name) =>
  fileURLToPath(new URL(`support/programs/${name}.mjs`, import.meta.url)),
) as [string, string]
const BUILD_MS = 600_000
/** At every how many calls a process is killed. */
const EVERY = Number(process.env['RSEQ_KILL_EVERY'] ?? 0)
const MOST_MS = 600_000
const ALL_CALLS_MS = 3_600_000
/** So many killed processes have one next process. */
const BATCH = 20
const AT_A_TIME = 2
/** More system calls than any of these programs makes. */
const MOST_CALLS = 20_000

/** How the tracer ends: see `native/test/calls/main.cc`. */
const End = { alone: 0, killed: 3, refused: 77 } as const

type What = 'first' | 'later' | 'in-place'
interface Case {
  readonly what: What
  /** Whose calls are counted. */
  readonly threads: 'main' | 'started'
  readonly every: number
  /** A directory whose content is there before; none for an empty one. */
  readonly template?: string
  /** The file that the control copies. */
  readonly model?: string
}
interface Killed {
  readonly at: number
  readonly directory: string
  readonly what: What
  readonly took: string[]
  readonly end: number
  readonly said: string
}

const run = promisify(execFile)

/** Runs a program that is killed at a call, and returns how it ended. */
async function killAt(
  at: number,
  place: Place,
  { what, threads, template, model = '' }: Case,
): Promise<Killed> {
  const directory = join(place.directory, String(at))
  if (template === undefined) mkdirSync(directory)
  else cpSync(template, directory, { recursive: true })
  const command = [String(at), threads, process.execPath, MAKING, directory, what, SUPPORT_FILE, model]
  const { code, stdout, stderr } = await run(TRACER, command).then(
    (output) => ({ code: End.alone, ...output }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  )
  return { at, directory, what, took: stdout.split('\n'), end: code, said: stderr.trim() }
}

/** Kills the program at each `every`-th call until it ends by itself, and returns how many were killed and what was wrong. */
async function killAtCalls(
  place: Place,
  one: Case,
  skip: TestContext['skip'],
): Promise<{ kills: number; faults: string[] }> {
  const faults: string[] = []
  let [kills, next, isLast] = [0, 1, false]
  while (!isLast) {
    const killed: Killed[] = []
    const victim = async (): Promise<void> => {
      while (killed.length < BATCH && !isLast && next < MOST_CALLS) {
        const at = next
        next += one.every
        const end = await killAt(at, place, one)
        killed.push(end)
        isLast ||= end.end !== End.killed
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, victim))
    skip(
      killed.some(({ end }) => end === End.refused),
      'the kernel refuses to trace system calls here',
    )
    const failed = killed.filter(({ end }) => end !== End.killed && end !== End.alone)
    expect(failed, 'the program ends by itself or by the kill').toEqual([])
    expect(next, 'the program ends').toBeLessThan(MOST_CALLS)
    kills += killed.filter(({ end }) => end === End.killed).length
    const { stdout } = await run(process.execPath, [CHECKER, JSON.stringify(killed)], { maxBuffer: 1 << 26 })
    for (const [i, found] of (JSON.parse(stdout) as string[][]).entries()) {
      const { at, said } = killed[i] as Killed
      faults.push(...found.map((fault) => `call ${at}, ${said}: ${fault}`))
    }
    for (const { directory } of killed) rmSync(directory, { recursive: true })
  }
  return { kills, faults }
}

describe.skipIf(WHY_NO_SHM !== '')('a process killed between two system calls', () => {
  let place: Place
  beforeAll(() => {
    if (process.platform === 'linux')
      execFileSync('make', ['--silent', '-C', 'native/test', 'calls'], { cwd: root })
  }, BUILD_MS)
  beforeEach(async ({ skip }) => {
    supportOr(skip)
    await machineWithSectionsOr(skip)
    place = new Place()
  })
  afterEach(async () => {
    await (place as Place | undefined)?.end()
  })

  /** Runs the program undisturbed in a directory of its own, for each of these parts, and returns the directory. */
  function made(...parts: string[]): string {
    const directory = join(place.directory, 'template')
    mkdirSync(directory)
    for (const what of parts) execFileSync(process.execPath, [MAKING, directory, what])
    return directory
  }

  const timeout = EVERY === 0 ? MOST_MS : ALL_CALLS_MS
  const cases: { does: string; what: What; threads: Case['threads']; usually: number; parts?: string[] }[] = [
    { does: 'makes a service and each kind of object', what: 'first', threads: 'main', usually: 16 },
    { does: 'starts the thread for its fences', what: 'first', threads: 'started', usually: 1 },
    {
      does: 'retires generations and allocates more memory',
      what: 'later',
      threads: 'main',
      usually: 8,
      // One generation was retired and is in use again when the program comes, and another one was never retired.
      parts: ['before', 'retire-again', 'before'],
    },
  ]
  for (const { does, what, threads, usually, parts } of cases) {
    test(
      `while it ${does} leaves what was before or after the call`,
      { timeout },
      async ({ skip, annotate }) => {
        const template = parts === undefined ? {} : { template: made(...parts) }
        const every = EVERY === 0 ? usually : EVERY
        const { kills, faults } = await killAtCalls(place, { what, threads, every, ...template }, skip)
        await annotate(`killed at ${kills} system calls`)
        expect(faults).toEqual([])
        expect(kills).toBeGreaterThan(0)
      },
    )
  }

  test('while it makes a file under its own name is found out', { timeout }, async ({ skip }) => {
    const service = join(made('first'), 'rseq.shop')
    const file = readdirSync(service).find((name) => name.startsWith('requests.counter.')) ?? ''
    const model = join(service, file)
    const { faults } = await killAtCalls(place, { what: 'in-place', threads: 'main', every: 1, model }, skip)
    expect(faults.join('\n')).toContain('it was truncated, or rseq did not make it')
  })
})
