import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { isInstalled } from './support/toolchains.js'

const native = fileURLToPath(new URL('../native', import.meta.url))
const HEADERS = ['rseq', 'percpu'].flatMap((folder) =>
  readdirSync(join(native, folder))
    .filter((name) => name.endsWith('.h'))
    .map((name) => `${folder}/${name}`),
)

/** The headers that define `struct rseq`. glibc has the first since 2.35, and Linux the second since 4.18. */
const SYSTEM = ['sys/rseq.h', 'linux/rseq.h']

const temporary = mkdtempSync(join(tmpdir(), 'rseq-headers-'))
afterAll(() => {
  rmSync(temporary, { recursive: true })
})

// What librseq installs in a directory of the include path. Each stands in for its namesake, and says that it was read.
const librseq = join(temporary, 'librseq')
mkdirSync(join(librseq, 'rseq'), { recursive: true })
const LIBRSEQ = [
  'abi',
  'arch',
  'compiler',
  'cpu-op',
  'inject',
  'mempool',
  'pseudocode',
  'rseq',
  'thread-pointer',
  'utils',
]
for (const name of LIBRSEQ)
  writeFileSync(
    join(librseq, 'rseq', `${name}.h`),
    `#define READ_FROM_LIBRSEQ_${name.replace('-', '_')} 1\nstruct rseq_abi;\n`,
  )

const COMPILERS = ['g++', 'clang++', 'aarch64-linux-gnu-g++', 'powerpc64le-linux-gnu-g++']

/** What the compiler has against a source that includes these headers in this order; the empty string if nothing. */
function complaints(compiler: string, headers: string[], paths: string[] = [native], uses = ''): string {
  const source = headers.map((header) => `#include <${header}>\n`).join('') + uses
  const { stdout, stderr, error } = spawnSync(
    compiler,
    [
      '-std=c++17',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fsyntax-only',
      ...paths.map((path) => `-I${path}`),
      '-xc++',
      '-',
    ],
    { input: source, encoding: 'utf8' },
  )
  return error === undefined ? stdout + stderr : String(error)
}

/** Both kinds of areas in one function. */
const BOTH = `
int both(const struct rseq* theirs, const percpu::Area* ours) {
  static_assert(sizeof(percpu::Area) <= sizeof(struct rseq), "the kernel's may have grown");
  return static_cast<int>(theirs->cpu_id) - static_cast<int>(ours->cpu_id);
}
`

describe.each(COMPILERS)("with %s, the library's headers", (compiler) => {
  const there = isInstalled(compiler)

  test.skipIf(!there)(
    'can be included before and after those that define struct rseq',
    { timeout: 600_000 },
    () => {
      expect(complaints(compiler, [...SYSTEM, ...HEADERS], [native], BOTH)).toBe('')
      expect(complaints(compiler, [...HEADERS, ...SYSTEM], [native], BOTH)).toBe('')
    },
  )

  test.skipIf(!there)('(a namespace with the name of the struct is refused)', { timeout: 600_000 }, () => {
    expect(complaints(compiler, SYSTEM, [native], 'namespace rseq {}\n')).toMatch(/error: .*rseq/)
  })

  test.skipIf(!there)("are found behind librseq's on the include path", { timeout: 600_000 }, () => {
    const headers = ['rseq/rseq.h', ...HEADERS.filter((header) => header !== 'rseq/abi.h'), 'rseq/abi.h']
    const uses = `${BOTH.replaceAll('struct rseq', 'percpu::Area')}
#if !READ_FROM_LIBRSEQ_rseq || !READ_FROM_LIBRSEQ_abi
#error "the headers of librseq come first"
#endif
`
    expect(complaints(compiler, headers, [librseq, native], uses)).toBe('')
  })
})

// The compiler that everybody has is enough to see whether a header includes all that it needs.
test.each(HEADERS)('%s can be included alone, and beside struct rseq', { timeout: 600_000 }, (header) => {
  expect(complaints('g++', [header])).toBe('')
  expect(complaints('g++', [header, ...SYSTEM])).toBe('')
})
