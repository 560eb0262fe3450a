/** SIGKILL at every instruction of every section: what is left in memory that processes share. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ReportOptions, runForReport } from './support/native-report.js'

/** For half a minute of compiling, on a machine that has other things to do. */
const BUILD_MS = 600_000

const root = join(import.meta.dirname, '..')

/** The line of JSON that the program ends with. */
interface Report {
  ok: boolean
  sections: number
  instructions: number
  killed: number
  kills: number
  laterOperations: number
  failures: number
  failed: Record<string, number>
  incomplete: string[]
  paths: { name: string; instructions: number; killed: number; kills: number; failures: number }[]
}

function run(program: string, started: ReportOptions = {}): { status: number | null; report: Report } {
  const { status, report: last } = runForReport(program, started)
  const report = last as Report
  console.log(
    `${program}: killed at ${report.killed} of ${report.instructions} instructions of ${report.sections} sections, ` +
      `${report.kills} kills, ${report.laterOperations} later operations, ${report.failures} failures`,
  )
  for (const { name, instructions, killed, kills, failures } of report.paths)
    console.log(`${name}: killed at ${killed} of ${instructions}, ${kills} kills, ${failures} failures`)
  return { status, report }
}

describe.skipIf(process.platform !== 'linux')(
  'a process killed at every instruction of every section',
  () => {
    beforeAll(() => {
      const programs = ['kill', 'kill-mutants']
      execFileSync('make', ['--silent', '--jobs=2', '-C', 'native/test', ...programs], { cwd: root })
    }, BUILD_MS)

    // Of the paths around the sections, each run takes other instructions. `build/native-test/kill` takes all of them.
    it.each([
      { threads: 'as libc registers them', env: {}, every: 16 },
      { threads: 'registered by the library', env: { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' }, every: 48 },
    ])('leaves what was before or after its operation; threads $threads', ({ env, every }) => {
      const { status, report } = run('kill', { env, options: ['--every', String(every)] })
      expect(report).toMatchObject({ ok: true, failures: 0, failed: {}, incomplete: [] })
      expect(status).toBe(0)
      expect(report.instructions).toBeGreaterThan(0)
      expect(report.killed).toBe(report.instructions)
      expect(report.laterOperations).toBeGreaterThan(report.kills)
      expect(report.paths.length).toBeGreaterThan(0)
      for (const { kills, failures } of report.paths) {
        expect(kills).toBeGreaterThan(10)
        expect(failures).toBe(0)
      }
    })

    // An abort that is taken for a success, and what a section is called with, are no matter of a kill: interleave sees these.
    it('finds every section and every path that is broken', () => {
      const { status, report } = run('kill-mutants', { options: ['--operations', 'mutant/'] })
      expect(status).toBe(1)
      expect(report.ok).toBe(false)
      expect(report.incomplete).toEqual([])
      expect(Object.keys(report.failed).sort()).toEqual([
        'mutant/commits_twice',
        'mutant/goes_on',
        'mutant/stores_both',
      ])
      expect(report.paths.map(({ name }) => name)).toEqual([
        'mutant/unnoted move',
        'mutant/early gift',
        'mutant/moved carry',
      ])
      for (const { failures } of report.paths) expect(failures).toBeGreaterThan(0)
    })
  },
)
