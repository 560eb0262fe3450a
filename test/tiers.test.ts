/** Which way the hot operations take: chosen, forced, and counted in C++. */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Info } from '../lib/index.js'
import { NODES } from '../scripts/node-versions.mjs'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'

const PRETEND = pathToFileURL(fileURLToPath(new URL('support/pretend.mjs', import.meta.url))).href
const ABI = Number(process.versions.modules)
const isKnown = NODES.some(({ abi }) => abi === ABI)
const AS_IT_IS = { RSEQ_TIER: undefined, RSEQ_BACKEND: undefined }

type Counted = Info & { counted: number }

/** What `programs/fast-calls.mjs` prints. */
interface FastCalls {
  tier: string
  threads: { name: string; calls: number; made: number; slow: number }[][]
}

test(`Node ${process.versions.node} has the ${isKnown ? 'fast' : 'Node-API'} tier`, async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { result } = await runProgram<Counted>('info', { env: AS_IT_IS })
  expect([result.tier, result.counted]).toEqual([isKnown ? 'fast' : 'napi', 3])
})

test.for([
  ['auto', isKnown ? 'fast' : 'napi', 'native'],
  ['', isKnown ? 'fast' : 'napi', 'native'],
  ['napi', 'napi', 'native'],
  ['portable', 'portable', 'portable'],
  ...(isKnown ? [['fast', 'fast', 'native'] as const] : []),
] as const)('RSEQ_TIER=%s makes it %s', async ([forced, tier, backend], { skip }) => {
  await machineWithSectionsOr(skip)
  const { result, stderr } = await runProgram<Counted>('info', { env: { ...AS_IT_IS, RSEQ_TIER: forced } })
  expect([result.tier, result.backend, result.counted]).toEqual([tier, backend, 3])
  expect(stderr).not.toMatch(/warning/i)
})

test.for([
  ['native', 'portable'],
  ['portable', 'fast'],
] as const)('RSEQ_BACKEND=%s with RSEQ_TIER=%s is an error that names both', async ([backend, tier]) => {
  await expect(runProgram('info', { env: { RSEQ_BACKEND: backend, RSEQ_TIER: tier } })).rejects.toThrow(
    `expected settings that agree, got RSEQ_BACKEND=${backend} and RSEQ_TIER=${tier}`,
  )
})

test.for([
  ['portable', 'portable'],
  ['portable', 'napi'],
] as const)('RSEQ_BACKEND=%s with RSEQ_TIER=%s is portable', async ([backend, tier]) => {
  const { result } = await runProgram<Counted>('info', { env: { RSEQ_BACKEND: backend, RSEQ_TIER: tier } })
  expect([result.backend, result.counted]).toEqual(['portable', 3])
})

describe.skipIf(!isKnown)('the fast function is called', () => {
  test.for([
    ['in the main thread', 0],
    ['in Workers', 2],
  ] as const)('by 999 of 1000 calls of optimized loops, or more, %s', async ([, workers], { skip }) => {
    await machineWithSectionsOr(skip)
    const { result } = await runProgram<FastCalls>('fast-calls', { input: { workers }, env: AS_IT_IS })
    expect(result.tier).toBe('fast')
    expect(result.threads).toHaveLength(Math.max(workers, 1))
    for (const { name, calls, made, slow } of result.threads.flat()) {
      expect([name, made]).toEqual([name, calls])
      expect(slow / calls, name).toBeLessThanOrEqual(0.001)
    }
  })

  // The control: where V8 is told not to, the count says so. Whatever V8 does, totals are exact.
  test.for([
    ['--jitless', true],
    ['--no-opt', true],
    ['--no-turbo-fast-api-calls', true],
    ['--max-lazy', false],
    ['--stress-compaction', false],
    ['--single-threaded', false],
  ] as const)(
    'counts exactly under node %s, and tells which calls were not fast',
    async ([flag, isSlow], { skip }) => {
      await machineWithSectionsOr(skip)
      const input = { workers: 1, mostChunks: 20, mostRounds: 1 }
      const { result } = await runProgram<FastCalls>('fast-calls', {
        input,
        env: AS_IT_IS,
        nodeOptions: [flag],
      })
      for (const { name, calls, made, slow } of result.threads.flat()) {
        expect([name, made]).toEqual([name, calls])
        if (isSlow) expect(slow, name).toBeGreaterThanOrEqual(calls)
      }
    },
  )
})

describe('another runtime takes Node-API:', () => {
  test.for([
    ['a Node version of the future', { modules: '999' }],
    ['a Node version of the past', { modules: '111' }],
    ['Electron', { electron: '43.0.0' }],
    ['Bun', { bun: '1.4.5' }],
    ['Deno', { deno: '2.9.6' }],
  ] as const)('%s', async ([, versions], { skip }) => {
    await machineWithSectionsOr(skip)
    const pretend = {
      env: { ...AS_IT_IS, PRETEND_VERSIONS: JSON.stringify(versions) },
      nodeOptions: ['--import', PRETEND],
    }
    const { result, stderr } = await runProgram<Counted>('info', pretend)
    expect([result.tier, result.backend, result.reason, result.counted]).toEqual(['napi', 'native', null, 3])
    expect(stderr).not.toMatch(/warning/i)

    const forced = { ...pretend, env: { ...pretend.env, RSEQ_TIER: 'fast' } }
    const abi = 'modules' in versions ? versions.modules : process.versions.modules
    await expect(runProgram('info', forced)).rejects.toThrow(
      new RegExp(`rseq: RSEQ_TIER=fast, but the native library has no fast calls for .*Node ABI ${abi}`),
    )
  })
})

const prebuilds = fileURLToPath(new URL(`../prebuilds/linux-${process.arch}/`, import.meta.url))
const prebuilt = readdirSync(new URL('../prebuilds', import.meta.url)).includes(`linux-${process.arch}`)
  ? readdirSync(prebuilds).filter((file) => file.endsWith('.node'))
  : []

// Only after `npm run make:prebuilds`, of which `npm run test:nodes` does what it needs.
test.for(prebuilt)('RSEQ_BINARY=%s: fast on its own Node only', async (file, { skip }) => {
  await machineWithSectionsOr(skip)
  const env = { ...AS_IT_IS, RSEQ_BINARY: join(prebuilds, file) }
  const { result } = await runProgram<Counted>('info', { env })
  const isOwn = basename(file).includes(`.abi${ABI}.`)
  expect([result.tier, result.backend, result.counted]).toEqual([isOwn ? 'fast' : 'napi', 'native', 3])
})
