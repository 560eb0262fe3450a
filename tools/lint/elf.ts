/**
 * Reads the sections, symbols, loaded bytes and relocated words of an ELF64 little-endian file. Every
 * access is checked against the file's size.
 *
 * Addresses are numbers. An address above 2^53 loses its low bits. This does no harm, because no text is
 * ever mapped there.
 *
 * @module
 */
import { FileBytes, LintError, covers } from './bytes.js'

export interface Section {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly address: number
  readonly offset: number
  readonly size: number
  readonly link: number
}

interface Segment {
  readonly executable: boolean
  readonly writable: boolean
  readonly address: number
  readonly offset: number
  readonly fileSize: number
}

interface Symbol {
  readonly name: string
  readonly address: number
  readonly size: number
}

/** A 64-bit word of the loaded file. */
export interface LoadedWord {
  readonly value: number
  /** The type of the relocation that fills the word, if a relocation does. */
  readonly relocation: number | undefined
}

const HEADER_SIZE = 64
const SECTION_HEADER_SIZE = 64
const PROGRAM_HEADER_SIZE = 56
const SYMBOL_SIZE = 24
const RELA_SIZE = 24
const FILE_TYPES: Readonly<Record<number, string>> = { 1: 'an object file', 4: 'a core dump' }
const [ET_EXEC, ET_DYN] = [2, 3]
const [SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_DYNSYM, SHT_RELR] = [2, 4, 8, 11, 19]
const [SHF_ALLOC, SHF_EXECINSTR] = [2, 4]
const [PT_LOAD, PT_GNU_RELRO] = [1, 0x6474e552]
const [PF_X, PF_W] = [1, 2]
const [STT_NOTYPE, STT_FUNC] = [0, 2]

export class ElfFile {
  /** `e_machine`. */
  readonly machine: number
  /** Whether the system chooses the load address. The file's addresses then need relocations. */
  readonly movable: boolean
  readonly #file: FileBytes
  readonly #sections: readonly Section[]
  readonly #segments: readonly Segment[]
  /** The ranges that the dynamic linker makes read-only after the relocations. */
  readonly #relro: readonly { readonly address: number; readonly size: number }[]
  readonly #functions: readonly Symbol[]
  readonly #relocations = new Map<number, { type: number; addend: number }>()
  readonly #packedRelocations = new Set<number>()

  /** @throws LintError if the bytes are no complete ELF64 little-endian executable or shared object. */
  constructor(bytes: Uint8Array) {
    this.#file = new FileBytes(bytes)
    this.#checkIdentity()
    const type = this.#file.u16(16)
    if (type !== ET_EXEC && type !== ET_DYN)
      throw new LintError(
        `is ${FILE_TYPES[type] ?? `an ELF file of type ${type}`}: give a linked executable or shared object (.node, .so)`,
      )
    this.movable = type === ET_DYN
    this.machine = this.#file.u16(18)
    const headers = this.#programHeaders()
    this.#segments = this.#readSegments(headers)
    this.#relro = headers
      .filter((at) => this.#file.u32(at) === PT_GNU_RELRO)
      .map((at) => ({ address: this.#file.u64(at + 16), size: this.#file.u64(at + 40) }))
    this.#sections = this.#readSections()
    this.#functions = this.#readFunctions()
    this.#readRelocations()
  }

  /** Returns all sections with a name, in file order. */
  sections(name: string): readonly Section[] {
    return this.#sections.filter((section) => section.name === name)
  }

  /** Returns whether [address, address + length) lies in one data section that the file fills. */
  isData(address: number, length: number): boolean {
    return this.#sections.some(
      (s) =>
        (s.flags & (SHF_ALLOC | SHF_EXECINSTR)) === SHF_ALLOC &&
        s.type !== SHT_NOBITS &&
        covers(s.address, s.size, address, length),
    )
  }

  /** Returns whether the running program can write to [address, address + length) after all relocations. */
  isWritable(address: number, length: number): boolean {
    return (
      this.#segments.some((s) => s.writable && covers(s.address, s.fileSize, address, length)) &&
      !this.#relro.some((range) => covers(range.address, range.size, address, length))
    )
  }

  /** Returns the code from `address` to the end of its section, if at least `length` bytes are executable text. */
  text(address: number, length: number): Uint8Array | undefined {
    const section = this.#sections.find(
      (s) =>
        (s.flags & SHF_EXECINSTR) !== 0 &&
        s.type !== SHT_NOBITS &&
        covers(s.address, s.size, address, length),
    )
    if (section === undefined) return undefined
    return this.#loaded(address, section.address + section.size - address, true)
  }

  /** Returns the 32-bit word at an address; undefined if the file does not fill the address. */
  word32(address: number): number | undefined {
    const bytes = this.#loaded(address, 4, false)
    return bytes && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  }

  /**
   * Returns the 64-bit word at an address after relocation at base 0, if the file fills the address.
   *
   * @param relativeType the architecture's relocation "base plus addend", the only one applied.
   */
  word64(address: number, relativeType: number): LoadedWord | undefined {
    const bytes = this.#loaded(address, 8, false)
    if (bytes === undefined) return undefined
    const relocation = this.#relocations.get(address)
    if (relocation === undefined) {
      const value = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
      return { value, relocation: this.#packedRelocations.has(address) ? relativeType : undefined }
    }
    return { value: relocation.addend, relocation: relocation.type }
  }

  /** Returns the name of the function that covers an address; the alphabetically first name if several functions do. */
  functionAt(address: number): string | undefined {
    const names = this.#functions.filter((f) => covers(f.address, f.size, address, 1)).map((f) => f.name)
    return names.sort()[0]
  }

  #checkIdentity(): void {
    const found = this.#file.bytes.subarray(0, 4)
    if (found.length < 4 || String.fromCharCode(...found) !== '\x7fELF')
      throw new LintError(
        `is not an ELF file (it begins with ${found.length === 0 ? 'nothing' : Buffer.from(found).toString('hex')}, ` +
          'not 7f454c46): give a .node addon, a shared object or an executable for Linux',
      )
    this.#file.need(0, HEADER_SIZE, 'the ELF header')
    if (this.#file.bytes[4] !== 2)
      throw new LintError('is not a 64-bit ELF file; only those have sections here')
    if (this.#file.bytes[5] !== 1)
      throw new LintError('is not little-endian; sections exist for little-endian only')
  }

  /** The file offsets of the program headers. */
  #programHeaders(): number[] {
    return this.#file.entries(
      'the program headers',
      this.#file.u64(32),
      this.#file.u16(54),
      this.#file.u16(56),
      PROGRAM_HEADER_SIZE,
    )
  }

  #readSegments(headers: readonly number[]): Segment[] {
    return headers
      .filter((at) => this.#file.u32(at) === PT_LOAD)
      .map((at) => {
        const flags = this.#file.u32(at + 4)
        const segment = {
          executable: (flags & PF_X) !== 0,
          writable: (flags & PF_W) !== 0,
          offset: this.#file.u64(at + 8),
          address: this.#file.u64(at + 16),
          fileSize: this.#file.u64(at + 32),
        }
        this.#file.need(segment.offset, segment.fileSize, 'a loaded segment')
        return segment
      })
  }

  #readSections(): Section[] {
    const headers = this.#file.entries(
      'the section headers',
      this.#file.u64(40),
      this.#file.u16(58),
      this.#file.u16(60),
      SECTION_HEADER_SIZE,
    )
    const sections = headers.map((at) => ({
      nameOffset: this.#file.u32(at),
      type: this.#file.u32(at + 4),
      flags: this.#file.u64(at + 8),
      address: this.#file.u64(at + 16),
      offset: this.#file.u64(at + 24),
      size: this.#file.u64(at + 32),
      link: this.#file.u32(at + 40),
    }))
    const names = sections[this.#file.u16(62)]
    if (names === undefined)
      throw new LintError(
        'has no section headers: without them the tables of critical sections cannot be found',
      )
    return sections.map((section) => ({ ...section, name: this.#string(names, section.nameOffset) }))
  }

  /** Returns a string of a string table; an empty string if the offset is outside of the table. */
  #string(table: { offset: number; size: number; type: number }, at: number): string {
    if (table.type === SHT_NOBITS || at >= table.size) return ''
    this.#file.need(table.offset, table.size, 'a string table')
    const end = this.#file.bytes.indexOf(0, table.offset + at)
    const limit = table.offset + table.size
    return Buffer.from(
      this.#file.bytes.subarray(table.offset + at, end < 0 || end > limit ? limit : end),
    ).toString('latin1')
  }

  #table(section: Section, entrySize: number): number[] {
    const what = `section ${section.name}`
    return this.#file.entries(
      what,
      section.offset,
      entrySize,
      Math.floor(section.size / entrySize),
      entrySize,
    )
  }

  #readFunctions(): Symbol[] {
    return this.#sections
      .filter((section) => section.type === SHT_SYMTAB || section.type === SHT_DYNSYM)
      .flatMap((section) => {
        const names = this.#sections[section.link]
        if (names === undefined) return []
        return this.#table(section, SYMBOL_SIZE)
          .filter((at) => {
            const type = this.#file.u8(at + 4) & 15
            return this.#file.u16(at + 6) !== 0 && (type === STT_FUNC || type === STT_NOTYPE)
          })
          .map((at) => ({
            name: this.#string(names, this.#file.u32(at)),
            address: this.#file.u64(at + 8),
            size: this.#file.u64(at + 16),
          }))
          .filter(({ name }) => name !== '')
      })
  }

  #readRelocations(): void {
    for (const section of this.#sections) {
      if ((section.flags & SHF_ALLOC) === 0) continue
      if (section.type === SHT_RELA)
        for (const at of this.#table(section, RELA_SIZE))
          this.#relocations.set(this.#file.u64(at), {
            type: this.#file.u32(at + 8),
            addend: this.#file.s64(at + 16),
          })
      else if (section.type === SHT_RELR) this.#readPackedRelocations(section)
    }
  }

  /**
   * Reads the relocations that `-z pack-relative-relocs` makes. An even word is an address. An odd word is a
   * bitmap of the 63 words after the last address. The relocated words hold their addends themselves.
   */
  #readPackedRelocations(section: Section): void {
    let next = 0
    for (const at of this.#table(section, 8)) {
      const word = this.#file.bits64(at)
      if ((word & 1n) === 0n) {
        this.#packedRelocations.add(Number(word))
        next = Number(word) + 8
      } else {
        for (let bit = 1n; bit < 64n; bit++)
          if (((word >> bit) & 1n) !== 0n) this.#packedRelocations.add(next + 8 * Number(bit - 1n))
        next += 63 * 8
      }
    }
  }

  /** Returns the bytes that the file loads at [address, address + length), if one segment holds all of them. */
  #loaded(address: number, length: number, executable: boolean): Uint8Array | undefined {
    const segment = this.#segments.find(
      (s) => (s.executable || !executable) && covers(s.address, s.fileSize, address, length),
    )
    if (segment === undefined) return undefined
    const offset = segment.offset + (address - segment.address)
    return this.#file.bytes.subarray(offset, offset + length)
  }
}
