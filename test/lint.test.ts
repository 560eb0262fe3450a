import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  LintError,
  type LintReport,
  type SectionReport,
  lintBytes,
  lintFile,
} from '../build/tools/lint/lint.js'
import { damage, generator } from './support/damage.js'
import { DECODERS } from './support/decoders.js'
import { ElfPatch } from './support/elf-patch.js'
import { VICTIM, mutationsOf } from './support/mutations.js'
import {
  type ArchitectureName,
  compileObjects,
  isInstalled,
  librarySources,
  link,
  ownArchitecture,
  toolFor,
} from './support/toolchains.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const addon = join(root, 'build/Release/rseq.node')

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rseq-lint-'))
})
afterAll(() => {
  rmSync(directory, { recursive: true })
})

/** The rules that are broken, each once, in alphabetical order. */
function rulesOf({ findings }: LintReport): string[] {
  return [...new Set(findings.map(({ rule }) => rule))].sort()
}

function sectionOf({ sections }: LintReport, name: string): SectionReport {
  const section = sections.find((candidate) => candidate.name === name)
  if (section === undefined) throw new Error(`no section ${name}`)
  return section
}

interface DisassembledLine {
  address: number
  bytes: Buffer
  text: string
}

/** What objdump makes of a file's code. */
function disassemble(architecture: ArchitectureName, file: string): DisassembledLine[] {
  const output = execFileSync(toolFor(architecture, 'objdump'), ['-d', '-w', '-z', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  return [...output.matchAll(/^ *([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$/gm)].map(([, address, bytes, text]) => {
    // Bytes in memory order; arm64's objdump prints a word instead.
    const hexBytes = bytes?.trim() ?? ''
    const buffer = Buffer.from(hexBytes.replaceAll(' ', ''), 'hex')
    return {
      address: parseInt(address ?? '', 16),
      bytes: architecture === 'arm64' ? buffer.reverse() : buffer,
      text: text ?? '',
    }
  })
}

/** How many sections the library has: on x86-64 one serves for both orders, and two rows are for x86-64 alone. */
function expectedCount(architecture: ArchitectureName): number {
  const table = readFileSync(join(root, 'native/rseq/section_table.inc'), 'utf8')
  const isX86 = architecture === 'x86-64'
  const rows = isX86 ? table : table.replaceAll(/^#if defined\(__x86_64__\)\n[^#]*#endif$/gm, '')
  const count = (macro: string): number => [...rows.matchAll(new RegExp(`^${macro}\\(`, 'gm'))].length
  return 2 * (count('SECTION') + (isX86 ? 1 : 2) * count('ORDERED_SECTION'))
}

describe.each(['x86-64', 'arm64', 'ppc64le'] as const)('%s', (architecture) => {
  const compiler = toolFor(architecture, 'g++')
  describe.skipIf(!isInstalled(compiler))(`by ${compiler}`, () => {
    let objects: string[]
    let file: string
    let good: Uint8Array
    let report: LintReport
    beforeAll(() => {
      objects = compileObjects(architecture, join(directory, architecture), librarySources())
      file = link(architecture, join(directory, `${architecture}.so`), objects, '-shared')
      good = readFileSync(file)
      report = lintBytes(good)
    })

    test('the library passes', () => {
      expect(report.findings).toEqual([])
      expect(report.architecture).toBe(architecture)
      expect(report.sections).toHaveLength(expectedCount(architecture))
      for (const { name, instructions, exits, complete } of report.sections) {
        expect(name).toMatch(/^rseq_load_\w+_(cpu_id|mm_cid)$/)
        expect(instructions).toBeGreaterThanOrEqual(4)
        // Where the thread has moved, where a comparison fails, and where what differs is an answer.
        const wanted = /cbne|cbeq/.test(name) ? (name.includes('_store_taken_') ? 3 : 2) : 1
        expect(exits.length, name).toBe(wanted)
        expect(complete).toBe(true)
      }
    })

    test.skipIf(!isInstalled(toolFor(architecture, 'objdump')))('objdump sees the same instructions', () => {
      const lines = disassemble(architecture, file)
      for (const { name, start, length, instructions } of report.sections) {
        const inside = lines.filter(({ address }) => address >= start && address < start + length)
        expect(inside.length, name).toBe(instructions)
      }
      const decoder = DECODERS[architecture]
      let known = 0
      for (const { address, bytes, text } of lines) {
        const code = Buffer.concat([bytes, Buffer.alloc(decoder.longestInstruction)])
        const instruction = decoder.decode(code, 0, address)
        if (instruction === undefined) continue
        known++
        expect(instruction.length, text).toBe(bytes.length)
        if (instruction.kind !== 'branch') continue
        const target = /([0-9a-f]+) <[^>]*>/.exec(text)?.[1] ?? ''
        expect(instruction.target, text).toBe(parseInt(target, 16))
      }
      expect(known).toBeGreaterThan(lines.length * 0.5)
    })

    test.each(mutationsOf(architecture).map((mutation) => [mutation.title, mutation] as const))(
      'caught: %s',
      (_, { rules, names, mutate }) => {
        const patch = new ElfPatch(good)
        const victim = sectionOf(report, VICTIM)
        const descriptor = patch.descriptors().find((address) => patch.word(address + 8) === victim.start)
        mutate(patch, victim, descriptor ?? 0)
        const broken = lintBytes(patch.bytes)
        expect(rulesOf(broken)).toEqual(rules)
        for (const { section } of broken.findings) expect(section).toMatch(names ?? new RegExp(`^${VICTIM}$`))
        const counted = broken.sections.reduce((sum, section) => sum + section.findings, 0)
        expect(counted).toBe(broken.findings.filter(({ section }) => !section.startsWith('__')).length)
      },
    )

    /** What the linter says where each assembler source is changed. */
    function lintChanged(name: string, change: (assembly: string) => string): LintReport {
      const folder = join(directory, `${architecture}-${name}`)
      mkdirSync(folder)
      const assemblies = librarySources().filter((source) => source.endsWith('.S'))
      const copies = assemblies.map((source) => {
        const copy = join(folder, basename(source))
        const assembly = change(readFileSync(source, 'utf8'))
          .replaceAll(/"\.\.\/(abi\.h|section_table\.inc)"/g, '"rseq/$1"')
          .replace(/"(\w+\.inc)"/g, '"rseq/arch/$1"')
        writeFileSync(copy, assembly)
        return copy
      })
      const output = join(directory, `${architecture}-${name}.so`)
      const changed = compileObjects(architecture, folder, copies)
      const rest = objects.filter(
        (object) => !copies.some((copy) => object.endsWith(`${basename(copy, '.S')}.o`)),
      )
      return lintFile(link(architecture, output, [...changed, ...rest], '-shared'))
    }

    test('caught: descriptors that are not aligned', () => {
      const first =
        '.pushsection .data.rel.ro.rseq_cs, "aw", @progbits\n  .balign 32\n  .quad 0\n  .popsection\n'
      const broken = lintChanged('misaligned', (assembly) =>
        assembly
          .replace(/\.balign 32(?=\n\.Ldescriptor)/, '.balign 8')
          .replace(/^(?=\.set AREA_RSEQ_CS)/m, first),
      )
      expect(rulesOf(broken)).toEqual(['alignment'])
      expect(broken.findings).toHaveLength(broken.sections.length)
    })

    test('caught: descriptors in the usual table, which linkers leave writable', () => {
      const broken = lintChanged('writable', (assembly) =>
        assembly.replace('.data.rel.ro.rseq_cs', '__rseq_cs'),
      )
      expect(rulesOf(broken)).toEqual(['writable'])
      expect(broken.findings).toHaveLength(report.sections.length)
    })

    test('an executable that is not relocated passes', () => {
      const main = join(directory, 'main.cc')
      writeFileSync(main, '#include "rseq/sections.h"\nint main() { return 0; }\n')
      const output = join(directory, `${architecture}-executable`)
      const fixed = lintFile(link(architecture, output, [main, ...objects], '-no-pie'))
      expect(fixed.findings).toEqual([])
      expect(fixed.sections).toHaveLength(report.sections.length)
    })

    test('a stripped file passes, its sections named by their addresses', () => {
      const output = join(directory, `${architecture}-stripped.so`)
      const { sections, findings } = lintFile(link(architecture, output, objects, '-shared', '-s'))
      expect(findings).toEqual([])
      for (const { name, start } of sections) expect(name).toBe(`0x${start.toString(16)}`)
    })

    test('damaged files are refused or judged, and never crash the linter', () => {
      const random = generator(architecture.length)
      const outcomes = { clean: 0, findings: 0, refused: 0 }
      for (let round = 0; round < 500; round++) outcomes[judge(damage(good, random))]++
      expect(outcomes.refused).toBeGreaterThan(10)
      expect(outcomes.findings).toBeGreaterThan(10)
    })
  })
})

function judge(bytes: Uint8Array): 'clean' | 'findings' | 'refused' {
  try {
    return lintBytes(bytes).findings.length === 0 ? 'clean' : 'findings'
  } catch (error) {
    if (error instanceof LintError) return 'refused'
    throw error
  }
}

describe.skipIf(ownArchitecture === undefined)('files', () => {
  const own = ownArchitecture ?? 'x86-64'

  test('the built addon passes', () => {
    const { architecture, sections, findings } = lintFile(addon)
    expect(findings).toEqual([])
    expect(architecture).toBe(own)
    expect(sections).toHaveLength(expectedCount(own))
  })

  test('packed relocations are read', ({ skip }) => {
    const output = join(directory, 'packed.so')
    const objects = compileObjects(own, join(directory, 'packed'), librarySources())
    link(own, output, objects, '-shared', '-Wl,-z,pack-relative-relocs')
    const bytes = readFileSync(output)
    skip(!bytes.includes('.relr.dyn'), 'this linker does not pack relocations')
    expect(lintBytes(bytes).findings).toEqual([])
  })

  test('without sections, without headers, of another kind: each is refused with the reason', () => {
    const refusal = (bytes: Uint8Array): string => {
      try {
        lintBytes(bytes)
      } catch (error) {
        if (error instanceof LintError) return error.message
      }
      return 'not refused'
    }
    const good = readFileSync(addon)
    const changed = (change: (patch: ElfPatch) => void): string => {
      const patch = new ElfPatch(good)
      change(patch)
      return refusal(patch.bytes)
    }

    expect(refusal(new Uint8Array())).toMatch(/^is not an ELF file \(it begins with nothing/)
    expect(refusal(Buffer.from('{ "name": "rseq" }'))).toMatch(/begins with 7b20226e, not 7f454c46/)
    expect(refusal(good.subarray(0, 20))).toMatch(/^is cut off or damaged: the ELF header needs 64 bytes/)
    expect(refusal(good.subarray(0, good.length - 1))).toMatch(/^is cut off or damaged: the section headers/)
    expect(changed(({ bytes }) => (bytes[4] = 1))).toMatch(/^is not a 64-bit ELF file/)
    expect(changed(({ bytes }) => (bytes[5] = 2))).toMatch(/^is not little-endian/)
    expect(
      changed(({ view }) => {
        view.setUint16(16, 1, true)
      }),
    ).toMatch(/^is an object file: give a linked/)
    expect(
      changed(({ view }) => {
        view.setUint16(18, 40, true)
      }),
    ).toMatch(/^is for machine 40; known are x86-64/)
    expect(
      changed(({ view }) => {
        view.setUint16(60, 0, true)
      }),
    ).toMatch(/^has no section headers/)
    const empty = join(directory, 'empty.cc')
    writeFileSync(empty, 'extern "C" int nothing() { return 0; }\n')
    const without = link(own, join(directory, 'empty.so'), [empty], '-shared')
    expect(refusal(readFileSync(without))).toMatch(/^has no critical sections/)
    expect(() => lintFile(directory)).toThrow(LintError)
    expect(() => lintFile(join(directory, 'missing'))).toThrow(/^cannot be read: ENOENT/)
  })
})

describe.skipIf(ownArchitecture === undefined)('rseq-lint', () => {
  const lint = (...args: string[]) =>
    spawnSync(process.execPath, ['build/tools/lint/main.js', ...args], { cwd: root, encoding: 'utf8' })

  function brokenCopy(): string {
    const copy = join(directory, 'broken.node')
    const patch = new ElfPatch(readFileSync(addon))
    patch.view.setUint8(patch.offsetOf(patch.descriptors()[0] ?? 0) + 4, 1)
    writeFileSync(copy, patch.bytes)
    return copy
  }

  test('prints a line for each section and ends with 0 where all is well', () => {
    const { status, stdout, stderr } = lint(addon)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { sections } = lintFile(addon)
    for (const { name, instructions } of sections)
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +${instructions} instructions, \\d exits? +ok$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^ {2}${sections.length} sections, 0 findings$`, 'm'))
  })

  test('names section, address and rule of a finding, and ends with 1', () => {
    const { status, stdout } = lint(addon, brokenCopy())
    expect(status).toBe(1)
    expect(stdout).toMatch(
      /^ {2}rseq_load_\w+ at 0x[0-9a-f]+: flags: the descriptor's flags are 0x1, not 0$/m,
    )
    expect(stdout).toMatch(/ 1 finding$/m)
  })

  test('says what is wrong with a file that cannot be checked, and ends with 2', () => {
    const text = join(directory, 'package.json')
    copyFileSync(join(root, 'package.json'), text)
    const { status, stderr } = lint(addon, text, brokenCopy())
    expect(status).toBe(2)
    expect(stderr).toMatch(/^rseq-lint: \S+package\.json is not an ELF file [^\n]*\n$/)
  })

  test('--json', () => {
    const { status, stdout } = lint('--json', addon, join(directory, 'missing'))
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toEqual([
      { file: addon, report: lintFile(addon) },
      { file: join(directory, 'missing'), error: expect.stringMatching(/^cannot be read: ENOENT/) as string },
    ])
  })
})
