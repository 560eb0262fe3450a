/** Every way into the addon converts every argument in one way. */
import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readOperations } from '../scripts/generate-operations.mjs'
import { NODES } from '../scripts/node-versions.mjs'
import { machineWithSectionsOr } from './support/machine.js'
import { type ProgramOptions, runProgram } from './support/program.js'

const PRETEND = pathToFileURL(fileURLToPath(new URL('support/pretend.mjs', import.meta.url))).href
const ROWS = readOperations(readFileSync(new URL('../src/core/operations.ts', import.meta.url), 'utf8'))
const isKnown = NODES.some(({ abi }) => String(abi) === process.versions.modules)
const AS_IT_IS = { RSEQ_TIER: undefined, RSEQ_BACKEND: undefined }
/** V8 compiles when it wants to, not when it finds time. Where it stops at Maglev then, it would make no fast call. */
const IN_STEP = ['--no-concurrent-recompilation', '--no-maglev']
/** So that the programs say when V8 optimizes, and wait for it. */
const DETERMINISTIC = ['--allow-natives-syntax', ...IN_STEP]

interface Calls {
  fast: number
  slow: number
}

/** What `programs/conversions.mjs` prints. */
interface Conversions {
  /** The rows of the table that were tried. */
  rows: string[]
  cases: number
  ways: Record<string, Calls>
  /** Calls with numbers that optimized code did not make fast. */
  slowNumbers: string[]
  problems: string[]
}

describe.skipIf(!isKnown)('the operations', () => {
  const run = (input: unknown = null) =>
    runProgram<Conversions>('conversions', { input, env: AS_IT_IS, nodeOptions: DETERMINISTIC })

  test('convert every value as JavaScript does: fast, slow and through Node-API', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { result } = await run()
    expect(result.problems).toEqual([])
    expect(result.rows).toEqual(ROWS.map(({ name }) => name))
    expect(result.cases).toBeGreaterThan(20_000)
    // Each way was the way that it says.
    const { optimized, constant, register, interpreted } = result.ways
    expect(result.slowNumbers).toEqual([])
    expect(optimized?.fast).toBeGreaterThan(2500)
    expect(constant?.fast).toBeGreaterThan(2500)
    expect(register?.fast).toBeGreaterThan(2500)
    expect(optimized?.slow).toBeGreaterThan(2000)
    expect(constant?.slow).toBeGreaterThan(2000)
    expect(interpreted).toMatchObject({ fast: 0 })
    expect(interpreted?.slow).toBeGreaterThan(5000)
  })

  test.for([
    ['saturating', '2 ** 32'],
    ['lenient', '1n'],
    ['forgetful', '1 arguments'],
    ['untimely', 'reenter()'],
  ] as const)('would be caught if they were %s', async ([broken, where], { skip }) => {
    await machineWithSectionsOr(skip)
    const { result } = await run({ broken })
    expect(result.problems.join('\n')).toContain(where)
  })
})

/** What `programs/total.mjs` prints. */
interface Totality {
  scenarios: Record<string, { calls: number; slow: number }>
  statuses: Record<string, number>
  problems: string[]
}

test.skipIf(!isKnown)(
  'the fast functions return for all arguments, and change nothing else',
  async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const nodeOptions = ['--expose-gc', ...IN_STEP]
    const { result } = await runProgram<Totality>('total', { env: AS_IT_IS, nodeOptions })
    expect(result.problems).toEqual([])
    // Interruptions aside, which are below 16.
    const statuses = Object.keys(result.statuses).filter((status) => status === '0' || Number(status) >= 16)
    expect(statuses).toEqual(['0', '16', '17', '18'])
    const scenarios = Object.entries(result.scenarios)
    expect(scenarios).toHaveLength(13)
    for (const [name, { calls, slow }] of scenarios) {
      expect(calls, name).toBeGreaterThanOrEqual(300_000)
      expect(slow / calls, name).toBeLessThan(0.5)
    }
  },
)

/** What `programs/public-values.mjs` prints. */
interface PublicValues {
  tier: string
  outcomes: Record<string, string>
}

test('the public classes have equal results and errors on every tier', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const run = async (options: ProgramOptions) => {
    const { env = {}, nodeOptions = [] } = options
    const { result } = await runProgram<PublicValues>('public-values', {
      env: { ...AS_IT_IS, ...env },
      nodeOptions: [...DETERMINISTIC, ...nodeOptions],
    })
    return result
  }
  const first = await run({})
  const others = [
    await run({ env: { RSEQ_TIER: 'napi' } }),
    await run({ env: { RSEQ_TIER: 'portable' } }),
    await run({
      env: { PRETEND_VERSIONS: JSON.stringify({ modules: '999' }) },
      nodeOptions: ['--import', PRETEND],
    }),
  ]
  expect([first, ...others].map(({ tier }) => tier)).toEqual([
    isKnown ? 'fast' : 'napi',
    'napi',
    'portable',
    'napi',
  ])
  for (const { outcomes } of others) expect(outcomes).toEqual(first.outcomes)

  // Optimized code and the interpreter agree, too; and every error says what was expected.
  const entries = Object.entries(first.outcomes)
  expect(entries.length).toBeGreaterThan(2000)
  for (const [name, outcome] of entries) {
    const interpreted = first.outcomes[name.replace('optimized', 'interpreted')]
    expect([name, outcome]).toEqual([name, interpreted])
    const isTrap = outcome.includes('a trap')
    if (outcome.includes('thrown') && !isTrap)
      expect(outcome).toMatch(/(Type|Range)Error: [\w.[\]]+: expected .*, got /)
  }
})
