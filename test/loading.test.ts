/** Loading the package: many times, twice in one process, and where there is no binary for it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Info, PerCpuCounter, info } from '../lib/index.js'
import { search } from '../lib/native/binary.js'
import { loadNative } from '../lib/native/binding.js'
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

test('without a binary, RSEQ_TIER=fast is an error', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { url } = await copyPackage({ binary: false })
  await expect(runProgram('info', { input: { url }, env: { RSEQ_TIER: 'fast' } })).rejects.toThrow(NO_BINARY)
})

/** Runs `programs/imports.mjs`: imports entries of a copy of the package, one after the other. */
async function importEntries(binary: boolean, entries: string[], env: NodeJS.ProcessEnv = {}): Promise<Info> {
  const { root } = await copyPackage({ binary })
  const urls = entries.map((entry) => pathToFileURL(join(root, 'lib', entry)).href)
  const clean = { RSEQ_BACKEND: undefined, RSEQ_TIER: undefined, ...env }
  return (await runProgram<Info>('imports', { input: { urls }, env: clean })).result
}

describe('the entry of a platform', () => {
  const entry = `linux-${process.arch}.js`
  const TOO_LATE = `rseq/linux-${process.arch}: expected to be imported before rseq and rseq/metrics`

  test.for(['metrics/index.js', 'index.js'])(
    'after %s, which found no binary, is an error',
    async (first, { skip }) => {
      await machineWithSectionsOr(skip)
      await expect(importEntries(false, [first, entry])).rejects.toThrow(TOO_LATE)
    },
  )

  test('may come first', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { reason } = await importEntries(false, [entry, 'metrics/index.js'])
    expect(reason).toContain(`in the bundle for linux-${process.arch}`)
  })

  test('may come later where nothing was lost by it', async ({ skip }) => {
    const machine = await machineWithSectionsOr(skip)
    const order = ['metrics/index.js', entry]
    expect((await importEntries(true, order)).backend).toBe(machine.backend)
    expect((await importEntries(false, order, { RSEQ_BACKEND: 'portable' })).backend).toBe('portable')
    const other = process.arch === 'x64' ? 'linux-arm64.js' : 'linux-x64.js'
    expect((await importEntries(false, ['metrics/index.js', other])).backend).toBe('portable')
  })
})

describe('a bundle in CommonJS form', () => {
  /** Bundles `programs/info.mjs` and the package into one file, far from the package. */
  async function bundle(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'rseq-bundle-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const outfile = join(directory, 'bundle.cjs')
    const entry = join(directory, 'entry.mjs')
    const pathname = fileURLToPath(ORIGINAL)
    await writeFile(
      entry,
      `import { info } from ${JSON.stringify(pathname)}; console.log(JSON.stringify(info()))`,
    )
    await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile,
      logLevel: 'silent',
    })
    return outfile
  }

  function run(file: string, env: NodeJS.ProcessEnv): Info {
    const clean = { ...process.env, RSEQ_BACKEND: undefined, RSEQ_TIER: undefined, ...env }
    return JSON.parse(execFileSync(process.execPath, [file], { env: clean, encoding: 'utf8' })) as Info
  }

  test('loads the binary that RSEQ_BINARY names, by an absolute path or from the working directory', async ({
    skip,
  }) => {
    const machine = await machineWithSectionsOr(skip)
    const file = await bundle()
    const binary = ownBinary()
    expect(run(file, { RSEQ_BINARY: binary })).toMatchObject({ backend: machine.backend, reason: null })
    expect(run(file, { RSEQ_BINARY: relative(process.cwd(), binary) }).backend).toBe(machine.backend)
    const { backend, reason } = run(file, { NODE_NO_WARNINGS: '1' })
    expect(backend).toBe('portable')
    expect(reason).toContain('a bundle in CommonJS form does not know where the package is')
  })
})

test('a binary that RSEQ_BINARY names and that does not load is an error, unless the portable backend is asked for', async () => {
  const source = `const { info } = await import(${JSON.stringify(ORIGINAL)}); console.log(info().backend)`
  const run = (env: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
      env: { ...process.env, RSEQ_BACKEND: undefined, RSEQ_TIER: undefined, ...env },
      encoding: 'utf8',
    })
  const directory = await mkdtemp(join(tmpdir(), 'rseq-binary-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const noBinary = join(directory, 'rseq.node')
  await writeFile(noBinary, 'no binary')
  for (const file of [noBinary, join(directory, 'absent.node')]) {
    const { status, stderr } = run({ RSEQ_BINARY: file })
    expect(status).toBe(1)
    expect(stderr).toContain('rseq: no native library for')
    expect(stderr).toContain(`looked for ${file} (`)
    expect(stderr).toContain('in RSEQ_BINARY')
    const { stdout } = run({ RSEQ_BINARY: file, RSEQ_BACKEND: 'portable' })
    expect(stdout).toBe('portable\n')
  }
})

/** The binary that this checkout runs on: the first that is there. */
function ownBinary(): string {
  const { place, candidates } = search()
  const file = candidates.map(({ name }) => join(place, name)).find((path) => existsSync(path))
  if (file === undefined) throw new Error(`no binary in ${place}`)
  return file
}

test('info() says what this process runs on', () => {
  const seen = info()
  expect(Object.keys(seen).sort()).toEqual(
    [
      'area',
      'backend',
      'features',
      'kernel',
      'libc',
      'node',
      'platform',
      'possibleCpus',
      'reason',
      'registration',
      'runtime',
      'runtimeVersion',
      'selfTest',
      'sharing',
      'tier',
    ].sort(),
  )
  expect(seen.platform).toBe(`${process.platform}-${process.arch}`)
  expect(seen.node).toBe(process.version)
  expect([seen.runtime, seen.runtimeVersion]).toEqual(['node', process.versions.node])
  expect(seen.possibleCpus).toBeGreaterThanOrEqual(1)
  expect(JSON.parse(JSON.stringify(seen))).toEqual(seen)
  if (seen.backend === 'portable') {
    expect(seen).toMatchObject({
      tier: 'portable',
      registration: 'none',
      area: null,
      features: { usableSize: 0 },
    })
    expect(seen.reason).toBeTruthy()
  } else {
    expect(seen.reason).toBeNull()
    expect(['fast', 'napi']).toContain(seen.tier)
    expect(['libc', 'self', 'library']).toContain(seen.registration)
    expect(['legacy', 'v2']).toContain(seen.area?.mode)
    expect(seen.area?.size).toBeGreaterThanOrEqual(Math.max(32, seen.features.usableSize))
    expect(seen.features.cpuId).toBe(true)
    expect(seen.features.usableSize).toBeGreaterThanOrEqual(20)
    expect(seen.features.numaNode).toBe(seen.features.usableSize >= 24)
    expect(seen.features.concurrencyId).toBe(seen.features.usableSize >= 28)
    expect(seen.kernel).toMatch(/^\d+\.\d+/)
    expect(seen.libc).toMatch(/^(glibc \d+\.\d+|musl)/)
  }
})
