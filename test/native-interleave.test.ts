import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

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

function run(program: string, env: NodeJS.ProcessEnv = {}): { status: number | null; report: Report } {
  const { status, stdout, stderr } = spawnSync(join(root, 'build/native-test', program), ['--json'], {
    encoding: 'utf8',
    env: { ...process.env, GLIBC_TUNABLES: '', ...env },
  })
  const last = stdout.trimEnd().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) throw new Error(`${program} ended with ${String(status)}: ${stdout}${stderr}`)
  const report = JSON.parse(last) as Report
  console.log(
    `${program}: ${report.interrupted} of ${report.instructions} instructions in ${report.sections} sections, ` +
      `${report.pairs} pairs, ${report.cases} cases, ${report.aborts} aborts, ` +
      `${report.controlsFailed} controls failed, ${report.failures} failures`,
  )
  return { status, report }
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
    const { status, report } = run('interleave', env)
    expect(report).toMatchObject({ ok: true, failures: 0, failed: {}, incomplete: [] })
    expect(status).toBe(0)
    expect(report.instructions).toBeGreaterThan(0)
    expect(report.interrupted).toBe(report.instructions)
    for (const way of ['once', 'twice', 'fence', 'overflow']) expect(report.ways[way]).toBeGreaterThan(0)
    for (const section of report.table) expect(section.controlFailedAt).not.toEqual([])
  })

  it('catches every section and every operation that is broken', () => {
    const { status, report } = run('interleave-mutants')
    expect(status).toBe(1)
    expect(report.ok).toBe(false)
    expect(Object.keys(report.failed).sort()).toEqual([
      'mutant/commits_twice',
      'mutant/goes_on',
      'mutant/ignores_abort',
      // Seen only by a move to another CPU, if there is one.
      ...((report.ways['move'] ?? 0) > 0 ? ['mutant/stale_shard'] : []),
      'mutant/stale_value',
    ])
  })
})
