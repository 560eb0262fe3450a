import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const temporary = mkdtempSync(join(tmpdir(), 'rseq-native-'))
afterAll(() => {
  rmSync(temporary, { recursive: true })
})

/** For some seconds of running, on one CPU that has other things to do. */
const RUN_MS = 1_200_000

interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  output: string
}

function run(program: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Ended {
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, GLIBC_TUNABLES: '', ...env },
  })
  return { status, signal, output: stdout + stderr }
}

/** Compiles a small program, with `more` for sources and flags; null if the compiler cannot. */
function compile(name: string, source: string, ...more: string[]): string | null {
  const [cc, program] = [join(temporary, `${name}.cc`), join(temporary, name)]
  writeFileSync(cc, source)
  const { status } = run('g++', ['-std=c++17', '-pthread', '-o', program, cc, ...more])
  return status === 0 ? program : null
}

const sanitized = compile(
  'outside',
  '#include <cstdlib>\nint main(int n, char**) { char* p = static_cast<char*>(malloc(8)); return p[7 + n]; }\n',
  '-fsanitize=address',
  '-fsanitize=undefined',
)
const ENVIRONMENTS = [
  { name: 'as libc registers threads', env: {}, args: [] },
  { name: 'registered by the library', env: { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' }, args: [] },
  { name: 'refused by the kernel', env: {}, args: ['--refuse-rseq'] },
]

/** The lines that say which checks and cases failed, and the last one. */
function failuresOf(output: string): string {
  const lines = output.trimEnd().split('\n')
  return [...lines.filter((line) => /^FAILED |^\S+\.cc:\d+: |ERROR: /.test(line)), lines.at(-1)].join('; ')
}

const VARIANTS = [
  { variant: 'plain', options: [], program: 'build/native-test/unit', there: true },
  {
    variant: `with sanitizers${sanitized === null ? ' (g++ has none)' : ''}`,
    options: ['SANITIZE=1'],
    program: 'build/native-test/sanitize/unit',
    there: sanitized !== null,
  },
]

for (const { variant, options, program, there } of VARIANTS) {
  describe.skipIf(process.platform !== 'linux' || !there)(
    `unit tests of native/rseq and native/percpu, ${variant}`,
    () => {
      beforeAll(() => {
        execFileSync('make', ['--silent', '--jobs=2', '-C', 'native/test', 'unit', ...options], { cwd: root })
      }, RUN_MS)

      for (const { name, env, args } of ENVIRONMENTS) {
        test(
          `threads ${name}`,
          () => {
            const { status, output } = run(join(root, program), args, env)
            console.log(`${program}, threads ${name}: ${output.trimEnd().split('\n').at(-1) ?? ''}`)
            // A summary of a run shows the message only.
            expect(status, failuresOf(output)).toBe(0)
            expect(output).toMatch(/^[1-9]\d* passed, 0 failed, \d+ skipped\n$/m)
          },
          RUN_MS,
        )
      }
    },
  )
}

describe.skipIf(process.platform !== 'linux')('a plugin with sections that is unloaded', () => {
  const [program, plugin] = ['unload', 'plugin.so'].map((name) => join(root, 'build/native-test', name))
  const NO_SECTIONS = 2
  beforeAll(() => {
    execFileSync('make', ['--silent', '-C', 'native/test', 'unload'], { cwd: root })
  })

  for (const { name, env } of ENVIRONMENTS.filter(({ args }) => args.length === 0)) {
    test(`stays, and its threads go on; threads ${name}`, ({ skip }) => {
      const { status, output } = run(program ?? '', [plugin ?? ''], env)
      skip(status === NO_SECTIONS, 'threads have no sections here')
      expect({ status, output }).toEqual({ status: 0, output: '200 rounds, 1000 signals, 200 additions\n' })
    })

    test(`ends the process if the library cannot keep itself; threads ${name}`, ({ skip }) => {
      const { status, signal } = run(program ?? '', [plugin ?? '', '--blind'], env)
      skip(status === NO_SECTIONS, 'threads have no sections here')
      expect(signal).toBe('SIGSEGV')
    })
  }
})

describe.skipIf(process.platform !== 'linux')('broken programs fail', () => {
  test('a check that does not hold', () => {
    const harness = ['main.cc', 'place.cc'].map((file) => join('native/test/unit', file))
    const sources = readdirSync(join(root, 'native/rseq')).filter((file) => file.endsWith('.cc'))
    const library = [...sources, 'arch/x86_64.S', 'arch/arm64.S', 'arch/ppc64.S'].map((file) =>
      join('native/rseq', file),
    )
    const source = '#include "harness.h"\nTEST(two) { CHECK_EQUAL(1 + 1, 3); }\nTEST(one) { CHECK(true); }\n'
    const broken = compile('broken', source, `-I${join(root, 'native/test/unit')}`, ...harness, ...library)
    const { status, output } = run(broken ?? 'not compiled')
    expect(status).toBe(1)
    expect(output).toMatch(/broken\.cc:2: 1 \+ 1 is 2, not 3\nFAILED two\n1 passed, 1 failed, 0 skipped\n$/)
  })

  test.skipIf(sanitized === null)('a step outside of memory', () => {
    const { status, output } = run(sanitized ?? '')
    expect(status).not.toBe(0)
    expect(output).toContain('AddressSanitizer: heap-buffer-overflow')
  })
})
