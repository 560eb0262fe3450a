/**
 * Breaks copies of ELF files on purpose. It reads them by itself, so that the linter is not asked about
 * itself, and it trusts them: they come from the linker.
 *
 * @module
 */

/** What the tables that describe critical sections are called. */
export const TABLES = {
  pointers: '__rseq_cs_ptr_array',
  exits: '__rseq_exit_point_array',
} as const

interface PatchableSection {
  /** File offset of the section's header. */
  header: number
  type: number
  address: number
  offset: number
  size: number
}

const [SHT_RELA, SHT_NOBITS] = [4, 8]
const RELA_SIZE = 24
const [PT_NULL, PT_GNU_RELRO] = [0, 0x6474e552]

export class ElfPatch {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly #sections = new Map<string, PatchableSection>()

  /** Works on a copy. */
  constructor(original: Uint8Array) {
    this.bytes = new Uint8Array(original)
    this.view = new DataView(this.bytes.buffer)
    const table = this.#u64(40)
    const headers = Array.from({ length: this.view.getUint16(60, true) }, (_, i) => table + 64 * i)
    const names = this.#u64((headers[this.view.getUint16(62, true)] ?? 0) + 24)
    for (const header of headers) {
      const start = names + this.view.getUint32(header, true)
      const name = Buffer.from(this.bytes.subarray(start, this.bytes.indexOf(0, start))).toString('latin1')
      this.#sections.set(name, {
        header,
        type: this.view.getUint32(header + 4, true),
        address: this.#u64(header + 16),
        offset: this.#u64(header + 24),
        size: this.#u64(header + 32),
      })
    }
  }

  section(name: string): PatchableSection {
    const section = this.#sections.get(name)
    if (section === undefined) throw new Error(`no section ${name}`)
    return section
  }

  /** The addresses of the descriptors, in the order of the pointers to them. */
  descriptors(): number[] {
    return this.entries(TABLES.pointers, 8).map((address) => this.word(address))
  }

  /** Takes from the dynamic linker the order to make anything read-only. */
  removeRelro(): void {
    const table = this.#u64(32)
    for (let i = 0; i < this.view.getUint16(56, true); i++) {
      const header = table + this.view.getUint16(54, true) * i
      if (this.view.getUint32(header, true) === PT_GNU_RELRO) this.view.setUint32(header, PT_NULL, true)
    }
  }

  /** Changes what the section headers say about a section. */
  resize(name: string, { skip = 0, shorten = 0 }): void {
    const { header, address, offset, size } = this.section(name)
    this.view.setBigUint64(header + 16, BigInt(address + skip), true)
    this.view.setBigUint64(header + 24, BigInt(offset + skip), true)
    this.view.setBigUint64(header + 32, BigInt(size - skip - shorten), true)
  }

  /** The file offset of what is loaded at an address. */
  offsetOf(address: number): number {
    for (const section of this.#sections.values())
      if (
        section.address !== 0 &&
        section.type !== SHT_NOBITS &&
        address >= section.address &&
        address < section.address + section.size
      )
        return section.offset + (address - section.address)
    throw new Error(`nothing is loaded at 0x${address.toString(16)}`)
  }

  /** The file offset of the relocation entry of the word at an address. */
  relocationOf(address: number): number | undefined {
    for (const { type, offset, size } of this.#sections.values()) {
      if (type !== SHT_RELA) continue
      for (let at = offset; at < offset + size; at += RELA_SIZE) if (this.#u64(at) === address) return at
    }
    return undefined
  }

  /** The 64-bit word at an address, relocated at base 0. */
  word(address: number): number {
    const relocation = this.relocationOf(address)
    return this.#u64(relocation === undefined ? this.offsetOf(address) : relocation + 16)
  }

  setWord(address: number, value: number): void {
    const relocation = this.relocationOf(address)
    const at = relocation === undefined ? this.offsetOf(address) : relocation + 16
    this.view.setBigUint64(at, BigInt(value), true)
  }

  setBytes(address: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, this.offsetOf(address))
  }

  /** The addresses of the entries of a table. */
  entries(name: string, entrySize: number): number[] {
    const { address, size } = this.section(name)
    return Array.from({ length: size / entrySize }, (_, i) => address + i * entrySize)
  }

  #u64(offset: number): number {
    return Number(this.view.getBigUint64(offset, true))
  }
}
