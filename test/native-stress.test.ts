import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

/** For half a minute of compiling, on a machine that has other things to do. */
const BUILD_MS = 600_000
/** For ten seconds of running, likewise. */
const RUN_MS = 1_200_000

const root = join(import.meta.dirname, '..')

function run(program: string, args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, GLIBC_TUNABLES: '' },
  })
  return { status, output: stdout + stderr }
}

describe.skipIf(process.platform !== 'linux')('stress on sections (native/test/stress)', () => {
  beforeAll(() => {
    const programs = ['stress', 'stress-delays', 'stress-compare-twice']
    execFileSync('make', ['--silent', '--jobs=2', '-C', 'native/test', ...programs], { cwd: root })
  }, BUILD_MS)

  it(
    'leaves exact totals in every structure, with aborts seen and controls gone wrong',
    () => {
      const { status, output } = run(process.execPath, ['scripts/stress.mjs', '--short'])
      console.log(output.trimEnd().split('\n').at(-1))
      expect({ status, output }).toEqual({
        status: 0,
        output: expect.stringMatching(/^stress: [1-9]\d* runs passed, 0 failed/m) as string,
      })
    },
    RUN_MS,
  )

  it('a run without an abort has shown nothing, and fails', () => {
    const once = ['--threads', '1', '--repetitions', '1', '--rounds', '1', '--timer', '0', '--no-control']
    const { status, output } = run('build/native-test/stress', once)
    expect(output).toContain('no section was aborted')
    expect(status).toBe(1)
  })

  it('a control that does not go wrong has shown nothing, and fails', () => {
    // One thread cannot lose an update. This structure does not count aborts, so none is required.
    const alone = ['--test', 'region', '--threads', '1', '--rounds', '3']
    const { status, output } = run('build/native-test/stress', alone)
    expect(output).toContain('the control, not armed, did not go wrong')
    expect(status).toBe(1)
  })

  it.each([
    ['an unknown test', ['--test', 'nothing'], "no test 'nothing'"],
    ['an unknown option', ['--nothing'], 'see --help'],
    ['no number', ['--threads', 'many'], "not 'many'"],
    ['delays in a build that has none', ['--delay', 'loaded=1'], "no delay at 'loaded'"],
  ])('refuses %s', (_, args, reason) => {
    const { status, output } = run('build/native-test/stress', args)
    expect(output).toContain(reason)
    expect(status).toBe(2)
  })
})
