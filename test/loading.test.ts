/** Loading the package: many times, twice in one process, and where there is no binary for it. */
import { expect, test } from 'vitest'
import { type Info, PerCpuCounter, info } from '../lib/index.js'
import { loadNative } from '../lib/native.js'
import { ORIGINAL, copyPackage } from './support/copy.js'
import { machineWithSectionsOr, onSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'
import { Team } from './support/team.mjs'

test('50 Workers, one batch after the other, leave nothing behind', async ({ skip }) => {
  onSectionsOr(skip)
  const counter = new PerCpuCounter()
  const binding = loadNative()
  const baseline = binding.openHandles()
  for (let batch = 0; batch < 10; batch++) {
    const team = await Team.lineUp('adder', 5, { data: () => ({ buffer: counter.buffer, adds: 1000 }) })
    expect(binding.openHandles()).toBe(baseline + 5)
    await team.run()
    expect(binding.openHandles()).toBe(baseline)
  }
  expect(counter.value).toBe(50_000)
})

/** What `programs/two-copies.mjs` prints. */
interface TwoCopies {
  main: [Info, Info]
  workers: Info[][]
  counted: [number, number]
  counts: [number[], number[]]
  expected: number
}

function expectExact({ counted, counts, expected }: TwoCopies): void {
  expect(counted).toEqual([expected, expected])
  const each = new Array(3).fill((expected / 3) * 0.5)
  expect(counts).toEqual([each, each])
}

test('two copies of the package in one process count on the same regions', async ({ skip }) => {
  const machine = await machineWithSectionsOr(skip)
  const { url } = await copyPackage({ binary: true })
  const { result } = await runProgram<TwoCopies>('two-copies', { input: { urls: [ORIGINAL, url] } })
  expectExact(result)
  // Where the C library registers, all can use it; otherwise see the next test.
  if (machine.registration === 'libc') {
    for (const { backend } of [result.main, ...result.workers].flat()) expect(backend).toBe('native')
  }
})

test('two copies that register by themselves: the first one has the thread, both are exact', async ({
  skip,
}) => {
  await machineWithSectionsOr(skip)
  const { url } = await copyPackage({ binary: true })
  const { result } = await runProgram<TwoCopies>('two-copies', {
    input: { urls: [ORIGINAL, url] },
    env: { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' },
  })
  expectExact(result)
  for (const [first, second] of result.workers) {
    expect([first?.backend, first?.registration]).toEqual(['native', 'self'])
    if (second === undefined) continue
    expect([second.backend, second.registration]).toEqual(['portable', 'none'])
    // The kernel says so of a thread that has registered another area.
    expect(second.reason).toMatch(/EINVAL|EBUSY/)
  }
})

const NO_BINARY = new RegExp(
  [
    'rseq: no native library for ',
    `${process.platform}-${process.arch}, `,
    '(glibc [0-9.]+|musl), ',
    `Node ABI ${process.versions.modules}: `,
    'looked for .*/rseq\\.glibc\\.node \\(not there\\) in .*npx rseq build',
  ].join(''),
)

test('without a binary, RSEQ_BACKEND=native says what is missing and how to build it', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { root, url } = await copyPackage({ binary: false })
  const run = runProgram('info', { input: { url }, env: { RSEQ_BACKEND: 'native' } })
  await expect(run).rejects.toThrow(NO_BINARY)
  await expect(run).rejects.toThrow(root)
})

test('without a binary, the portable backend runs, with one warning', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { url } = await copyPackage({ binary: false })
  const { result, stderr } = await runProgram<Info & { counted: number }>('info', { input: { url } })
  expect(result).toMatchObject({ backend: 'portable', tier: 'portable', registration: 'none', counted: 3 })
  expect(result.reason).toMatch(NO_BINARY)
  expect(stderr.match(/\[RSEQ_PORTABLE\] Warning/g)).toHaveLength(1)
  expect(stderr).toContain('To silence this: RSEQ_BACKEND=portable')

  const silenced = await runProgram('info', { input: { url }, env: { RSEQ_BACKEND: 'portable' } })
  expect(silenced.stderr).not.toContain('RSEQ_PORTABLE')
})

test('info() says what this process runs on', () => {
  const seen = info()
  expect(Object.keys(seen).sort()).toEqual(
    [
      'backend',
      'features',
      'kernel',
      'libc',
      'node',
      'platform',
      'possibleCpus',
      'reason',
      'registration',
      'tier',
    ].sort(),
  )
  expect(seen.platform).toBe(`${process.platform}-${process.arch}`)
  expect(seen.node).toBe(process.version)
  expect(seen.possibleCpus).toBeGreaterThanOrEqual(1)
  expect(JSON.parse(JSON.stringify(seen))).toEqual(seen)
  if (seen.backend === 'portable') {
    expect(seen).toMatchObject({ tier: 'portable', registration: 'none', features: { usableSize: 0 } })
    expect(seen.reason).toBeTruthy()
  } else {
    expect(seen.reason).toBeNull()
    expect(['fast', 'napi']).toContain(seen.tier)
    expect(['libc', 'self']).toContain(seen.registration)
    expect(seen.features.cpuId).toBe(true)
    expect(seen.features.usableSize).toBeGreaterThanOrEqual(20)
    expect(seen.features.numaNode).toBe(seen.features.usableSize >= 24)
    expect(seen.features.concurrencyId).toBe(seen.features.usableSize >= 28)
    expect(seen.kernel).toMatch(/^\d+\.\d+/)
    expect(seen.libc).toMatch(/^(glibc \d+\.\d+|musl)/)
  }
})
