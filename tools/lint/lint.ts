/**
 * Checks the critical sections of a binary against the rules of the kernel, of debuggers and of the
 * library. The machine that runs the check may have another architecture than the binary.
 *
 * @module
 */
import { readFileSync } from 'node:fs'

import { arm64 } from './arm64.js'
import { type CodeRule, checkCode } from './code.js'
import { LintError, hex } from './bytes.js'
import { ElfFile, type LoadedWord } from './elf.js'
import type { Architecture } from './instruction.js'
import { ppc64 } from './ppc64.js'
import { DESCRIPTOR_SIZE, type Descriptor, EXITS, POINTERS, type Tables, readTables } from './tables.js'
import { x86_64 } from './x86_64.js'

export { LintError, hex } from './bytes.js'

/** The rules that a binary can break. */
export type Rule =
  | CodeRule
  /** A descriptor must be aligned to 32 bytes, and a table must hold whole entries. */
  | 'alignment'
  | 'version'
  /** A descriptor must be read-only after relocation, because code that can write to it can redirect the kernel. */
  | 'writable'
  | 'flags'
  /** abort_ip must be an address of text outside of the section. */
  | 'abort'
  | 'signature'
  /** In a file that can be loaded at any address, addresses must be relocated and lengths must not. */
  | 'relocation'
  | 'pointer-array'
  | 'exit-array'

export interface Finding {
  readonly rule: Rule
  /** The name of the section or of the table. */
  readonly section: string
  /** The address of the instruction or of the table's entry. */
  readonly address: number
  readonly message: string
}

export interface SectionReport {
  /** The name of the function that covers the section; in a stripped file, the section's address. */
  readonly name: string
  readonly start: number
  readonly length: number
  readonly abort: number
  readonly instructions: number
  /** False if an instruction could not be decoded. The section may then have more instructions and exits than listed. */
  readonly complete: boolean
  /** The addresses outside of the section to which its branches jump. */
  readonly exits: readonly number[]
  readonly findings: number
}

export interface LintReport {
  readonly architecture: string
  readonly sections: readonly SectionReport[]
  readonly findings: readonly Finding[]
}

const ARCHITECTURES: readonly Architecture[] = [x86_64, arm64, ppc64]

type CheckedSection = Omit<SectionReport, 'findings'>

/** A word that must be an address, or must be a number. */
interface Field {
  readonly what: string
  readonly word: LoadedWord
  readonly isAddress: boolean
}

/**
 * Names each section by the function that covers it, or by its address if no function does. If inlining
 * put several sections into one function, their addresses tell them apart.
 */
function nameSections(elf: ElfFile, descriptors: readonly Descriptor[]): ReadonlyMap<Descriptor, string> {
  const functions = descriptors.map(({ start }) => elf.functionAt(start.value) ?? hex(start.value))
  const counts = new Map<string, number>()
  for (const name of functions) counts.set(name, (counts.get(name) ?? 0) + 1)
  return new Map(
    descriptors.map((descriptor, i) => {
      const name = functions[i] ?? ''
      return [descriptor, counts.get(name) === 1 ? name : `${name} (${hex(descriptor.start.value)})`]
    }),
  )
}

class Linter {
  readonly findings: Finding[] = []
  readonly #elf: ElfFile
  readonly #architecture: Architecture
  readonly #tables: Tables
  /** The names by descriptor. Each name occurs once. */
  readonly #names: ReadonlyMap<Descriptor, string>

  constructor(elf: ElfFile, architecture: Architecture) {
    this.#elf = elf
    this.#architecture = architecture
    this.#tables = readTables(elf, architecture)
    this.#names = nameSections(elf, this.#tables.descriptors)
  }

  run(): LintReport {
    const sections = this.#tables.descriptors.map((descriptor) => this.#checkSection(descriptor))
    this.#checkPointers()
    this.#checkExitPoints(sections)
    for (const { name, address, entrySize } of this.#tables.uneven)
      this.#find('alignment', name, address, `the size of ${name} is no multiple of ${entrySize} bytes`)
    const findingsOf = (name: string): number =>
      this.findings.filter(({ section }) => section === name).length
    return {
      architecture: this.#architecture.name,
      sections: sections.map((section) => ({ ...section, findings: findingsOf(section.name) })),
      findings: this.findings,
    }
  }

  #find(rule: Rule, section: string, address: number, message: string): void {
    this.findings.push({ rule, section, address, message })
  }

  #nameOf(descriptor: Descriptor): string {
    return this.#names.get(descriptor) ?? hex(descriptor.address)
  }

  #checkSection(descriptor: Descriptor): CheckedSection {
    const name = this.#nameOf(descriptor)
    const { address, version, flags } = descriptor
    if (address % DESCRIPTOR_SIZE !== 0)
      this.#find('alignment', name, address, `the descriptor is not aligned to ${DESCRIPTOR_SIZE} bytes`)
    if (this.#elf.isWritable(address, DESCRIPTOR_SIZE))
      this.#find(
        'writable',
        name,
        address,
        'the descriptor stays writable: put it into a section .data.rel.ro.*, and link with -z relro',
      )
    if (version !== 0) this.#find('version', name, address, `the descriptor's version is ${version}, not 0`)
    if (flags !== 0) this.#find('flags', name, address, `the descriptor's flags are ${hex(flags)}, not 0`)
    this.#checkRelocations(name, address, [
      { what: 'start_ip', word: descriptor.start, isAddress: true },
      { what: 'post_commit_offset', word: descriptor.length, isAddress: false },
      { what: 'abort_ip', word: descriptor.abort, isAddress: true },
    ])
    this.#checkAbort(name, descriptor)

    const [start, length, abort] = [descriptor.start.value, descriptor.length.value, descriptor.abort.value]
    const code = length > 0 ? this.#elf.text(start, length) : undefined
    if (code === undefined) {
      const message = `[${hex(start)}, ${hex(start + length)}) is not inside executable text`
      this.#find('range', name, address, length > 0 ? message : 'the section has no length')
      return { name, start, length, abort, instructions: 0, complete: false, exits: [] }
    }
    const checked = checkCode(code, start, length, this.#architecture)
    for (const finding of checked.findings) this.#find(finding.rule, name, finding.address, finding.message)
    const { instructions, complete, exits } = checked
    return { name, start, length, abort, instructions, complete, exits: [...exits] }
  }

  #checkAbort(name: string, { address, start, length, abort }: Descriptor): void {
    const ip = abort.value
    if (ip >= start.value && ip < start.value + length.value)
      this.#find('abort', name, address, `abort_ip ${hex(ip)} is inside the section`)
    if (this.#elf.text(ip, 1) === undefined) {
      this.#find('abort', name, address, `abort_ip ${hex(ip)} is not inside executable text`)
      return
    }
    const { signature } = this.#architecture
    const found = this.#elf.word32(ip - 4)
    if (found !== signature)
      this.#find(
        'signature',
        name,
        ip - 4,
        `the word before abort_ip is ${found === undefined ? 'missing' : hex(found)}, not ${hex(signature)}: ` +
          'the kernel would kill the process at the first abort',
      )
  }

  #checkRelocations(section: string, address: number, fields: readonly Field[]): void {
    const { relativeRelocation } = this.#architecture
    for (const { what, word, isAddress } of fields) {
      const wanted = isAddress && this.#elf.movable ? relativeRelocation : undefined
      if (word.relocation === wanted) continue
      const found =
        word.relocation === undefined ? 'no relocation' : `a relocation of type ${word.relocation}`
      this.#find(
        'relocation',
        section,
        address,
        `${what} has ${found}, it needs ${wanted === undefined ? 'none' : `type ${wanted} (relative)`}`,
      )
    }
  }

  #checkPointers(): void {
    const counts = new Map(this.#tables.descriptors.map(({ address }) => [address, 0]))
    for (const { address, descriptor } of this.#tables.pointers) {
      const count = counts.get(descriptor.value)
      this.#checkRelocations(POINTERS, address, [{ what: 'the pointer', word: descriptor, isAddress: true }])
      if (count === undefined)
        this.#find(
          'pointer-array',
          POINTERS,
          address,
          `${hex(descriptor.value)} is not a descriptor's address`,
        )
      else counts.set(descriptor.value, count + 1)
    }
    for (const descriptor of this.#tables.descriptors) {
      const count = counts.get(descriptor.address) ?? 0
      if (count !== 1)
        this.#find(
          'pointer-array',
          this.#nameOf(descriptor),
          descriptor.address,
          `${POINTERS} has ${count} pointers to the descriptor, not 1`,
        )
    }
  }

  #checkExitPoints(sections: readonly CheckedSection[]): void {
    const listed = new Map<number, Set<number>>()
    for (const { address, start, exit } of this.#tables.exitPoints) {
      this.#checkRelocations(EXITS, address, [
        { what: 'the start', word: start, isAddress: true },
        { what: 'the exit', word: exit, isAddress: true },
      ])
      const known = listed.get(start.value) ?? new Set()
      listed.set(start.value, known.add(exit.value))
      const section = sections.find((candidate) => candidate.start === start.value)
      if (section === undefined)
        this.#find('exit-array', EXITS, address, `no descriptor has the start ${hex(start.value)}`)
      else if (section.complete && !section.exits.includes(exit.value))
        this.#find('exit-array', section.name, address, `no branch of the section goes to ${hex(exit.value)}`)
    }
    for (const { name, start, exits } of sections)
      for (const exit of exits)
        if (listed.get(start)?.has(exit) !== true)
          this.#find(
            'exit-array',
            name,
            exit,
            `a branch leaves for ${hex(exit)}, which ${EXITS} does not have`,
          )
  }
}

/**
 * Checks the bytes of an ELF file.
 *
 * @throws LintError if the bytes cannot be checked at all.
 */
export function lintBytes(bytes: Uint8Array): LintReport {
  const elf = new ElfFile(bytes)
  const architecture = ARCHITECTURES.find(({ machine }) => machine === elf.machine)
  if (architecture === undefined)
    throw new LintError(
      `is for machine ${elf.machine}; known are ` +
        ARCHITECTURES.map(({ name, machine }) => `${name} (${machine})`).join(', '),
    )
  return new Linter(elf, architecture).run()
}

/**
 * Checks an ELF file: an addon, a shared object or an executable.
 *
 * @throws LintError if the file cannot be read or checked at all.
 */
export function lintFile(path: string): LintReport {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new LintError(`cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return lintBytes(bytes)
}
