// The library in programs without Node, as docs/cpp.md describes it: every snippet there is built and run.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const native = join(root, 'native')
const page = readFileSync(join(root, 'docs/cpp.md'), 'utf8')

const project = mkdtempSync(join(tmpdir(), 'rseq-outside-'))
afterAll(() => {
  rmSync(project, { recursive: true })
})
mkdirSync(join(project, 'node_modules'))
symlinkSync(root, join(project, 'node_modules/rseq'))

const mustHaveAll = process.env['CI'] === 'true'
const missing = ['gcc', 'g++', 'cmake', 'pkg-config'].filter(
  (tool) => spawnSync(tool, ['--version']).status !== 0,
)
const cannot = missing.length > 0 && !mustHaveAll
const reason = cannot ? ` (not installed: ${missing.join(', ')})` : ''

/** Compilers on one busy CPU. */
const LIMIT = { timeout: 1_200_000 }

function run(command: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-euc', command], { cwd: project, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe.skipIf(cannot)(`docs/cpp.md${reason}`, () => {
  const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(([, language, file, text]) => ({
    language,
    file: file ?? '',
    text: text ?? '',
  }))
  const files = blocks.filter(({ file }) => file !== '')
  for (const { file, text } of files) writeFileSync(join(project, file), text)
  const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)

  test('has files and commands', () => {
    expect(files.map(({ file }) => file)).toEqual(['counting.cc', 'CMakeLists.txt', 'counting.c'])
    expect(commands).toHaveLength(5)
  })

  test.each(commands.map((text) => [text.split('\n')[0], text]))('%s', LIMIT, (_, text = '') => {
    const { status, output } = run(text)
    expect(status, output).toBe(0)
    // Only the installation runs no program.
    if (!text.includes('--install')) expect(output).toMatch(/^4000 additions$/m)
  })

  test('and a static program is made without further flags', LIMIT, () => {
    const [plain = ''] = commands
    const { status, output } = run(
      plain.replace('-O2', '-O2 -static').replace('./counting', 'env -i ./counting'),
    )
    expect(output).toMatch(/^4000 additions$/m)
    expect(status).toBe(0)
  })
})

describe.skipIf(cannot)(`a program in C11${reason}`, () => {
  const sources = ['rseq_library.cc', 'rseq_sections.S', 'c/percpu_c.cc'].map(
    (file) => `"${join(native, file)}"`,
  )
  const warnings = '-std=c11 -pedantic -Wall -Wextra -Wconversion -Werror -D_POSIX_C_SOURCE=200809L'
  const how = `-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -pthread -I"${native}"`

  test('finds every structure of percpu_c.h as the header describes it', LIMIT, () => {
    copyFileSync(join(root, 'test/outside/program.c'), join(project, 'program.c'))
    const built = run(
      `gcc ${warnings} ${how} -c program.c -o program.o && g++ -std=c++17 ${how} program.o ${sources.join(' ')} -o program`,
    )
    expect(built.status, built.output).toBe(0)
    for (const setting of ['', 'GLIBC_TUNABLES=glibc.pthread.rseq=0']) {
      const { status, output } = run(`${setting} ./program`)
      expect(output).toMatch(/: 0 failures$/m)
      expect(status).toBe(0)
    }
  })
})

test('the version of the pkg-config file is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(readFileSync(join(native, 'pkgconfig/rseq-percpu.pc'), 'utf8')).toContain(`\nVersion: ${version}\n`)
})
