import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  buildSharedObject,
  COMPILERS,
  inTemporaryDirectory,
  isInstalled,
  librarySources,
  problemsOf,
  sectionNames,
  unmarkedObjects,
} from '../scripts/compile-matrix.mjs'

/** What the binaries are built with. `node scripts/compile-matrix.mjs` does it at all levels. */
const LEVEL = '-O2'

const has = new Map(COMPILERS.map((compiler) => [compiler, isInstalled(compiler)]))
const installed = COMPILERS.filter((compiler) => has.get(compiler))

describe('native/rseq and native/percpu compile without a warning, with all tables in place', () => {
  const namesBy = new Map<string, string[]>()

  for (const compiler of COMPILERS) {
    const there = has.get(compiler) === true
    test.skipIf(!there)(`${compiler}${there ? '' : ' (not installed)'}`, async () => {
      await inTemporaryDirectory(async (directory) => {
        const file = await buildSharedObject(compiler, LEVEL, directory)
        expect(problemsOf(file)).toEqual([])
        expect(unmarkedObjects(compiler, directory)).toEqual([])
        namesBy.set(compiler, sectionNames(file))
      })
    })
  }

  test(`equal sets of sections with ${installed.join(', ')}`, () => {
    // But for those that need what only some CPUs of an architecture have.
    const everywhere = (names: string[]): string[] => names.filter((name) => !name.includes('_avx_'))
    const [first, ...others] = [...namesBy.values()].map(everywhere)
    expect(namesBy.size).toBe(installed.length)
    expect(first?.length).toBeGreaterThanOrEqual(22)
    for (const names of others) expect(names).toEqual(first)
  })
})

describe.skipIf(!has.get('g++'))('a broken library is caught', () => {
  const ARCHITECTURES = ['x86_64.S', 'arm64.S', 'ppc64.S']
  /** What makes a row of the section table. */
  const ROW = /^ {2}\\body \\body\\\(\)_\\index, \\index$/m

  /**
   * Builds the sections of every architecture, changed by `change`, and tells what there is to find. Tables, descriptors
   * and notes are all theirs: the C++ files would only take time.
   */
  async function problemsAfter(change: (assembly: string) => string): Promise<string> {
    return inTemporaryDirectory(async (directory) => {
      const native = join(directory, 'native')
      cpSync(new URL('../native', import.meta.url), native, { recursive: true })
      for (const name of ARCHITECTURES) {
        const file = join(native, 'rseq/arch', name)
        const before = readFileSync(file, 'utf8')
        const after = change(before)
        expect(after).not.toBe(before)
        writeFileSync(file, after)
      }
      const sources = librarySources(directory).filter((file) => file.endsWith('.S'))
      try {
        const file = await buildSharedObject('g++', '-O0', directory, sources)
        return [...problemsOf(file), ...unmarkedObjects('g++', directory), ...sectionNames(file)].join('\n')
      } catch (error) {
        return String(error)
      }
    })
  }

  let good = ''
  beforeAll(async () => {
    good = await problemsAfter((assembly) => `${assembly}\n`)
  })

  test('(the copy itself is fine)', () => {
    expect(good).toMatch(/^rseq_load_add_load_load_add_store_cpu_id\n/)
    expect(good).toContain('rseq_load_add_store_cpu_id')
  })

  test('an absolute address in the code', async () => {
    // The linker may say what it likes about it, but must not make a file.
    const problems = await problemsAfter((assembly) =>
      assembly.replace(/^\.Labort_\\name:$/m, '$&\n  .quad .Ldescriptor_\\name'),
    )
    expect(problems).toMatch(/^Error: g\+\+ -shared .*relocation/s)
  })

  test('a text relocation that the linker let pass', async () => {
    await inTemporaryDirectory(async (directory) => {
      const source = join(directory, 'address.S')
      writeFileSync(
        source,
        '.text\n.globl address\naddress: .quad address\n.section .note.GNU-stack,"",@progbits\n',
      )
      await expect(buildSharedObject('g++', '-O0', directory, [source])).rejects.toThrow(/relocation/)
      const file = await buildSharedObject(
        'g++',
        '-O0',
        directory,
        [source],
        ['-Wl,-z,notext,--no-fatal-warnings'],
      )
      expect(problemsOf(file)).toContain('there are text relocations')
    })
  })

  test('a section without a descriptor', async () => {
    const problems = await problemsAfter(
      (assembly) => `${assembly}
.text
.weak rseq_load_forget_store_cpu_id
.hidden rseq_load_forget_store_cpu_id
rseq_load_forget_store_cpu_id: .long 0
`,
    )
    expect(problems).toMatch(/__rseq_cs_ptr_array has \d+ bytes, not the \d+ of \d+ sections/)
    expect(problems).toMatch(/__rseq_exit_point_array has/)
  })

  test('a table that lacks its entries', async () => {
    for (const table of ['__rseq_cs_ptr_array', '__rseq_exit_point_array']) {
      const problems = await problemsAfter((assembly) =>
        assembly.replace(new RegExp(`(pushsection ${table}, .*\n) *\\.quad .*\n`), '$1'),
      )
      expect(problems).toContain(`${table} has`)
    }
  })

  test('descriptors that stay writable', async () => {
    const problems = await problemsAfter((assembly) => assembly.replace('.data.rel.ro.rseq_cs', '__rseq_cs'))
    expect(problems).toMatch(/^the descriptors stay writable$/m)
  })

  test.skipIf(process.arch === 'ppc64')('an object that does not say that it has landing pads', async () => {
    const problems = await problemsAfter((assembly) =>
      assembly.replace('#include "notes.inc"', '.section .note.GNU-stack, "", @progbits'),
    )
    expect(problems).toMatch(/^\d+\.o has not the properties (IBT, SHSTK|BTI, PAC)$/m)
  })

  test('a section that one architecture lacks', async () => {
    const names = await problemsAfter((assembly) =>
      assembly.replace(ROW, (row) => `  .ifnc \\body, load_add_store\n${row}\n  .endif`),
    )
    expect(names.split('\n').length).toBe(good.split('\n').length - 2)
    expect(names).not.toContain('rseq_load_add_store_cpu_id')
  })

  test('a warning', async () => {
    await inTemporaryDirectory(async (directory) => {
      const source = join(directory, 'narrow.cc')
      writeFileSync(source, 'int narrow(long wide) { return wide; }\n')
      await expect(buildSharedObject('g++', '-O0', directory, [source])).rejects.toThrow(/-Werror=conversion/)
    })
  })
})
