import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const temporary = mkdtempSync(join(tmpdir(), 'rseq-has-fuzzer-'))
afterAll(() => {
  rmSync(temporary, { recursive: true })
})

/** Whether clang is here with its fuzzer runtime. Where tests must be complete, it has to be. */
function hasFuzzer(): boolean {
  const source = join(temporary, 'empty.cc')
  writeFileSync(
    source,
    'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n',
  )
  const { status } = spawnSync('clang++', [
    '-fsanitize=fuzzer,address',
    source,
    '-o',
    join(temporary, 'empty'),
  ])
  return status === 0 || process.env['CI'] === 'true'
}

function fuzz(...options: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'fuzz.mjs'), ...options],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  return { status, output: stdout + stderr }
}

describe.skipIf(process.platform !== 'linux' || !hasFuzzer())(
  'fuzzing of regions (clang with libFuzzer)',
  () => {
    it('starts from regions of the layout of today', () => {
      const corpus = join(root, 'native/test/fuzz/corpus')
      const seeds = join(temporary, 'seeds')
      execFileSync(process.execPath, [join(root, 'native/test/fuzz/seeds.mjs'), seeds])
      const old = readdirSync(seeds).filter(
        (name) => !readFileSync(join(corpus, name)).equals(readFileSync(join(seeds, name))),
      )
      expect(old, 'write these anew by: node native/test/fuzz/seeds.mjs native/test/fuzz/corpus').toEqual([])
    })

    it('finds nothing in 100,000 inputs', () => {
      const { status, output } = fuzz('--runs', '100000', '--seconds', '30')
      expect(output).toContain('Done')
      expect(status).toBe(0)
    })

    it('finds a mistake where there is one', () => {
      // As many as it takes: usually a million, in some seconds.
      const { status, output } = fuzz('--broken', '--runs', '1000000000', '--seconds', '240')
      expect(output).toContain('found the mistake')
      expect(status).toBe(0)
    })
  },
)
