/** Builds from the tarball's sources: the addon itself, and the addon of another package. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { lintFile } from '../../build/tools/lint/lint.js'
import { NODES, fetchHeaders } from '../../scripts/node-versions.mjs'
import { machineWithSectionsOr } from '../support/machine.js'
import { isInstalled } from '../support/toolchains.js'
import { makeProject, run, smoke, temporary } from './support/project.js'

const EXAMPLE = fileURLToPath(new URL('../../examples/native-addon/', import.meta.url))
const WITH_SERIES = fileURLToPath(new URL('../../examples/native-series/', import.meta.url))
const ON_MUSL = fileURLToPath(new URL('support/on-musl.cc', import.meta.url))
const NODE_GYP = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')

/** Compilers are found again. */
const WITH_COMPILERS = { env: { PATH: process.env['PATH'] ?? '' } }

test('rseq build makes what comes before the binaries that were installed', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const cwd = makeProject()
  const installed = join(cwd, 'node_modules/rseq')
  const command = [join(installed, 'lib/cli/main.js'), 'build']
  const without = await run(command, { cwd, env: { npm_config_python: '/nonexistent' } })
  expect(without.status).toBe(1)
  expect(without.stderr).toMatch(/node-gyp was not found|needs python3, make and a C\+\+17 compiler/)
  expect(readdirSync(join(installed, 'build'))).toEqual([])

  const { status, stdout, stderr } = await run(command, { cwd, ...WITH_COMPILERS })
  expect(status, stderr).toBe(0)
  expect(stdout).toContain(join(installed, 'build/rseq.glibc.node'))
  expect(readdirSync(join(installed, 'build'))).toEqual(['rseq.glibc.node'])
  expect(existsSync(join(installed, 'binding.gyp'))).toBe(false)
  rmSync(join(installed, 'prebuilds'), { recursive: true })
  const { main, counted, expected } = await smoke('esm.mjs', { cwd })
  expect([main.backend, main.tier, counted]).toEqual(['native', 'fast', expected])
})

test("another package's addon counts on the same counters from its own threads", async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const cwd = makeProject()
  cpSync(EXAMPLE, cwd, { recursive: true, filter: (path) => !/\/(build|node_modules)$/.test(path) })
  const nodedir = `--nodedir=${fetchHeaders(NODES[0])}`
  const built = await run([NODE_GYP, 'rebuild', nodedir], { cwd, ...WITH_COMPILERS })
  expect(built.status, built.stderr).toBe(0)
  const { sections, findings } = lintFile(join(cwd, 'build/Release/ticker.node'))
  expect([sections.length > 0, findings]).toEqual([true, []])

  const ways = [
    [/\(native\)/, {}],
    [/\(native\)/, { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' }],
    [/\(portable\)/, { RSEQ_BACKEND: 'portable' }],
  ] as const
  for (const [backend, env] of ways) {
    const { status, stdout, stderr } = await run(['main.mjs'], { cwd, env })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^5000000 ticks by 4 C\+\+ threads and one of JavaScript/)
    expect(stdout).toMatch(backend)
  }
})

test("another package's addon updates metrics, and compiles nothing of rseq", async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const cwd = makeProject()
  cpSync(WITH_SERIES, cwd, { recursive: true, filter: (path) => !/\/(build|node_modules)$/.test(path) })
  const nodedir = `--nodedir=${fetchHeaders(NODES[0])}`
  const built = await run([NODE_GYP, 'rebuild', nodedir], { cwd, ...WITH_COMPILERS })
  expect(built.status, built.stderr).toBe(0)
  for (const env of [{}, { RSEQ_TIER: 'napi' }, { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' }]) {
    const { status, stdout, stderr } = await run(['main.mjs'], { cwd, env })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain('400000 images by 4 C++ threads, 500000 with those of JavaScript')
  }
})

test('the one source for other addons has all that there is, and has no warning', () => {
  const native = join(inject('packed').installed, 'node_modules/rseq/native')
  const text = readFileSync(join(native, 'rseq_library.cc'), 'utf8')
  const included = Array.from(text.matchAll(/#include "(.*)"/g), ([, file]) => basename(file ?? ''))
  const there = ['rseq', 'percpu'].flatMap((name) => readdirSync(join(native, name)))
  // The self-test, too: it runs before the first section on some kernels.
  const wanted = there.filter((file) => file.endsWith('.cc'))
  expect(included.sort()).toEqual(wanted.sort())
  const flags = ['-std=c++17', '-Wall', '-Wextra', '-Wshadow', '-Werror', '-fsyntax-only']
  execFileSync('g++', [...flags, join(native, 'rseq_library.cc')])
})

/** Debian's libstdc++ is made for glibc; of its headers the library needs so few that these do. */
const FOR_MUSL = [
  '-specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs',
  '-isystem/usr/include/c++/12',
  '-isystem/usr/include/x86_64-linux-gnu/c++/12',
  '-D__GLIBC_PREREQ(major,minor)=0',
]

test.skipIf(process.arch !== 'x64')(
  'compiled for musl, it registers its threads itself and passes',
  ({ skip }) => {
    if (!isInstalled('musl-gcc')) skip('musl-gcc is not installed')
    const native = join(inject('packed').installed, 'node_modules/rseq/native')
    const program = join(temporary(), 'on-musl')
    const sources = ['rseq_library.cc', 'rseq_sections.S'].map((file) => join(native, file))
    const flags = ['-std=c++17', '-O2', '-fno-exceptions', '-fno-rtti', '-pthread', `-I${native}`]
    execFileSync('gcc', [...FOR_MUSL, ...flags, ON_MUSL, ...sources, '-o', program])
    expect(execFileSync(program, { encoding: 'utf8' })).toBe('registered by self, verified, counted 1000\n')
  },
)
