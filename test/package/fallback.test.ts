/** Installations without a suitable binary: they use the portable backend, and warn if that is a fault. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { machineWithSectionsOr } from '../support/machine.js'
import { type RunOptions, type Smoke, makeProject, run, smoke } from './support/project.js'

const PRETEND = fileURLToPath(new URL('../support/pretend.mjs', import.meta.url))
const PLATFORM = `${process.platform}-${process.arch}`
const WARNING = /\[RSEQ_PORTABLE\]/g

function expectPortable({ main, workers, counted, expected }: Smoke, reason: RegExp): void {
  for (const thread of [main, ...workers]) {
    expect([thread.backend, thread.tier]).toEqual(['portable', 'portable'])
    expect(thread.reason).toMatch(reason)
  }
  expect(counted).toBe(expected)
}

test('no binary: one warning says what was looked for, what to do, and how to silence it', async ({
  skip,
}) => {
  await machineWithSectionsOr(skip)
  const cwd = makeProject()
  const installed = join(cwd, 'node_modules/rseq')
  rmSync(join(installed, 'prebuilds'), { recursive: true })
  const seen = await smoke('esm.mjs', { cwd })
  expectPortable(
    seen,
    /^rseq: no native library for linux-\w+, (glibc [\d.]+|musl), Node ABI \d+: looked for /,
  )
  expect(seen.stderr.match(WARNING)).toHaveLength(1)
  const { modules } = process.versions
  for (const text of [
    'build/Release/rseq.node (not there)',
    `prebuilds/${PLATFORM}/rseq.abi${modules}.`,
    `prebuilds/${PLATFORM}/rseq.glibc.node (not there) in `,
    installed,
    'npx rseq build',
    'RSEQ_BACKEND=portable',
  ]) {
    expect(seen.stderr).toContain(text)
  }

  const silent = [
    { env: { RSEQ_BACKEND: 'portable' } },
    { options: ['--disable-warning=RSEQ_PORTABLE'] },
  ] satisfies RunOptions[]
  for (const way of silent) expect((await smoke('esm.mjs', { cwd, ...way })).stderr).toBe('')
  const insisting = await run(['esm.mjs'], { cwd, env: { RSEQ_BACKEND: 'native' } })
  expect([insisting.status, insisting.stderr]).toEqual([1, expect.stringContaining('npx rseq build')])
})

test('a binary that is no binary: the next one is taken, or the reason is told', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const cwd = makeProject()
  const directory = join(cwd, `node_modules/rseq/prebuilds/${PLATFORM}`)
  const damage = (file: string): void => {
    writeFileSync(
      join(directory, file),
      'not ELF, and long enough to be read as a header of it ................',
    )
  }
  damage(`rseq.abi${process.versions.modules}.glibc.node`)
  const { main, stderr } = await smoke('esm.mjs', { cwd })
  expect([main.backend, main.tier, stderr]).toEqual(['native', 'napi', ''])
  readdirSync(directory).forEach(damage)
  expectPortable(await smoke('esm.mjs', { cwd }), /rseq\.glibc\.node \(.*(invalid ELF header|file too short)/)
})

// What an executable of Alpine's begins with, as far as it matters.
const MUSL = `\x7fELF${'\0'.repeat(600)}/lib/ld-musl-x86_64.so.1\0`

test('on musl no binary for glibc is even opened', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const cwd = makeProject()
  const executable = join(cwd, 'node-on-alpine')
  writeFileSync(executable, MUSL, 'latin1')
  const watch = join(cwd, 'watch.mjs')
  writeFileSync(
    watch,
    "const { dlopen } = process\nprocess.dlopen = (...args) => { console.error('DLOPEN', args[1]); return dlopen.apply(process, args) }\n",
  )
  const options = ['--import', PRETEND, '--import', watch]
  const seen = await smoke('esm.mjs', { cwd, options, env: { PRETEND_EXECUTABLE: executable } })
  expectPortable(seen, /linux-\w+, musl, Node ABI \d+: looked for .*rseq\.musl\.node \(not there\)/)
  expect(seen.stderr.match(WARNING)).toHaveLength(1)
  expect(seen.stderr).not.toContain('DLOPEN')
  // The watch would have seen it.
  expect((await smoke('esm.mjs', { cwd, options })).stderr).toContain('DLOPEN')
})

test.each(['darwin-arm64', 'darwin-x64', 'win32-x64', 'linux-riscv64'])(
  '%s: no warning',
  async (platform) => {
    const options = ['--import', PRETEND]
    const env = { PRETEND_PLATFORM: platform }
    const cwd = makeProject()
    const seen = await smoke('esm.mjs', { cwd, options, env })
    expectPortable(seen, new RegExp(`not available on ${platform}$`))
    expect([seen.main.platform, seen.stderr]).toEqual([platform, ''])
    const { status, stdout } = await run(['node_modules/rseq/lib/cli/main.js', 'build'], {
      cwd,
      options,
      env,
    })
    expect([status, stdout]).toEqual([0, expect.stringContaining('Nothing to compile')])
  },
)
