// The library in programs without Node, as docs/cpp.md describes it: every snippet there is built and run.
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { CppProject, WHY_NO_CPP } from './support/cpp-page.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const native = join(root, 'native')

const project = new CppProject(root)
afterAll(() => {
  rmSync(project.directory, { recursive: true })
})

const cannot = WHY_NO_CPP !== ''
const reason = cannot ? ` (${WHY_NO_CPP})` : ''

/** Compilers on one busy CPU. */
const LIMIT = { timeout: 1_200_000 }

describe.skipIf(cannot)(`docs/cpp.md${reason}`, () => {
  const { files, commands } = project

  test('has files and commands', () => {
    expect(files).toEqual(['counting.cc', 'CMakeLists.txt', 'counting.c'])
    expect(commands).toHaveLength(5)
  })

  test.each(commands.map((text) => [text.split('\n')[0], text]))('%s', LIMIT, (_, text = '') => {
    const { status, output } = project.run(text)
    expect(status, output).toBe(0)
    // Only the installation runs no program.
    if (!text.includes('--install')) expect(output).toMatch(/^4000 additions$/m)
  })

  test('and a static program is made without further flags', LIMIT, () => {
    const [plain = ''] = commands
    const { status, output } = project.run(
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
    copyFileSync(join(root, 'test/outside/program.c'), join(project.directory, 'program.c'))
    const built = project.run(
      `gcc ${warnings} ${how} -c program.c -o program.o && g++ -std=c++17 ${how} program.o ${sources.join(' ')} -o program`,
    )
    expect(built.status, built.output).toBe(0)
    for (const setting of ['', 'GLIBC_TUNABLES=glibc.pthread.rseq=0']) {
      const { status, output } = project.run(`${setting} ./program`)
      expect(output).toMatch(/: 0 failures$/m)
      expect(status).toBe(0)
    }
  })
})

test('the version of the pkg-config file is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(readFileSync(join(native, 'pkgconfig/rseq-percpu.pc'), 'utf8')).toContain(`\nVersion: ${version}\n`)
})
