import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type ReportOptions, runForReport } from './support/native-report.js'

/** For half a minute of compiling, on a machine that has other things to do. */
const BUILD_MS = 600_000

const root = join(import.meta.dirname, '..')

/** The line of JSON that the program ends with. */
interface Report {
  ok: boolean
  sections: number
  instructions: number
  interrupted: number
  pairs: number
  cases: number
  aborts: number
  controlsFailed: number
  failures: number
  ways: Record<string, number>
  failed: Record<string, number>
  incomplete: string[]
  table: { name: string; failures: number; controlFailedAt: string[] }[]
}

function run(program: string, started: ReportOptions = {}): { status: number | null; report: Report } {
  const { status, report: last } = runForReport(program, started)
  const report = last as Report
  console.log(
    `${program}: ${report.interrupted} of ${report.instructions} instructions in ${report.sections} sections, ` +
      `${report.pairs} pairs, ${report.cases} cases, ${report.aborts} aborts, ` +
      `${report.controlsFailed} controls failed, ${report.failures} failures`,
  )
  return { status, report }
}

/** Where each architecture's sections compare the CPU with that of the thread, and a comparison that is always equal. */
const CPU_CHECK: Partial<Record<string, [file: string, check: RegExp, broken: string]>> = {
  x64: ['x86_64.S', /cmpl +%esi, AREA_\\index\(%rdi\)/, 'cmpl %esi, %esi'],
  arm64: ['arm64.S', /cmp +w9, w1/, 'cmp w1, w1'],
  ppc64: ['ppc64.S', /cmplw +%r12, %r4/, 'cmplw %r4, %r4'],
}

describe.skipIf(process.platform !== 'linux')('every instruction of every section, interrupted', () => {
  beforeAll(() => {
    const programs = ['interleave', 'interleave-mutants']
    execFileSync('make', ['--silent', '--jobs=2', '-C', 'native/test', ...programs], { cwd: root })
  }, BUILD_MS)

  it.each([
    { threads: 'as libc registers them', env: {} },
    { threads: 'registered by the library', env: { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' } },
  ])('gives what A and B give in sequence; threads $threads', ({ env }) => {
    const { status, report } = run('interleave', { env })
    expect(report).toMatchObject({ ok: true, failures: 0, failed: {}, incomplete: [] })
    expect(status).toBe(0)
    expect(report.instructions).toBeGreaterThan(0)
    expect(report.interrupted).toBe(report.instructions)
    for (const way of ['once', 'twice', 'fence', 'overflow']) expect(report.ways[way]).toBeGreaterThan(0)
    for (const section of report.table) expect(section.controlFailedAt).not.toEqual([])
  })

  // `npm run test:quick` runs this program, so it fails there, too.
  it(
    'fails when the check of the CPU is taken out of the sections',
    ({ skip }) => {
      const [file, check, broken] = CPU_CHECK[process.arch] ?? skip(`no sections for ${process.arch}`)
      skip(availableParallelism() < 2, 'this process may use one CPU only: there is nowhere to move to')
      const copy = mkdtempSync(join(tmpdir(), 'rseq-broken-'))
      onTestFinished(() => {
        rmSync(copy, { recursive: true })
      })
      for (const folder of ['rseq', 'percpu', 'test'])
        cpSync(join(root, 'native', folder), join(copy, folder), { recursive: true })
      const source = join(copy, 'rseq/arch', file)
      const text = readFileSync(source, 'utf8')
      expect(text).toMatch(check)
      writeFileSync(source, text.replace(check, broken))
      execFileSync('make', ['--silent', '-C', join(copy, 'test'), 'interleave', `OUT=${join(copy, 'out')}`])
      const { status, stdout } = spawnSync(join(copy, 'out/interleave'), [], { encoding: 'utf8' })
      expect(stdout).toMatch(/^FAILED: .* [1-9]\d* failures$/m)
      expect(status).toBe(1)
    },
    BUILD_MS,
  )

  it('catches every section and every operation that is broken', () => {
    const { status, report } = run('interleave-mutants', { options: ['--operations', 'mutant/'] })
    expect(status).toBe(1)
    expect(report.ok).toBe(false)
    expect(Object.keys(report.failed).sort()).toEqual([
      'mutant/commits_twice',
      'mutant/goes_on',
      'mutant/ignores_abort',
      // Seen only by a move to another CPU, if there is one.
      ...((report.ways['move'] ?? 0) > 0 ? ['mutant/stale_shard'] : []),
      'mutant/stale_value',
      'mutant/stores_both',
    ])
  })
})
