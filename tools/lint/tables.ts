/**
 * Reads the tables that describe critical sections to the kernel and to debuggers.
 *
 * @module
 */
import { LintError } from './bytes.js'
import type { ElfFile, LoadedWord } from './elf.js'
import type { Architecture } from './instruction.js'

export const DESCRIPTOR_SIZE = 32
/** The section in which most libraries keep their descriptors. Linkers leave it writable. */
const DESCRIPTORS = '__rseq_cs'
/** The sections that linkers make read-only after relocation. One of them holds this library's descriptors. */
const READ_ONLY = '.data.rel.ro'
export const POINTERS = '__rseq_cs_ptr_array'
export const EXITS = '__rseq_exit_point_array'

/** One `struct rseq_cs`. */
export interface Descriptor {
  readonly address: number
  readonly version: number
  readonly flags: number
  readonly start: LoadedWord
  readonly length: LoadedWord
  readonly abort: LoadedWord
}

/** A pair of `__rseq_exit_point_array`. */
export interface ExitPoint {
  readonly address: number
  readonly start: LoadedWord
  readonly exit: LoadedWord
}

/** An entry of `__rseq_cs_ptr_array`. */
export interface DescriptorPointer {
  readonly address: number
  readonly descriptor: LoadedWord
}

export interface Tables {
  readonly descriptors: readonly Descriptor[]
  readonly pointers: readonly DescriptorPointer[]
  readonly exitPoints: readonly ExitPoint[]
  /** The tables whose size is no multiple of the size of an entry. */
  readonly uneven: readonly { readonly name: string; readonly address: number; readonly entrySize: number }[]
}

/** @throws LintError if the file has no descriptors, or does not load its tables. */
export function readTables(elf: ElfFile, architecture: Architecture): Tables {
  const uneven: { name: string; address: number; entrySize: number }[] = []

  const missing = (name: string): LintError =>
    new LintError(`is damaged: section ${name} is not among what the file loads into memory`)
  const word64 = (name: string, address: number): LoadedWord => {
    const word = elf.word64(address, architecture.relativeRelocation)
    if (word === undefined) throw missing(name)
    return word
  }
  const word32 = (name: string, address: number): number => {
    const word = elf.word32(address)
    if (word === undefined) throw missing(name)
    return word
  }
  const addresses = (name: string, entrySize: number): number[] =>
    elf.sections(name).flatMap(({ address, size }) => {
      const count = Math.floor(size / entrySize)
      if (count * entrySize !== size && name !== READ_ONLY) uneven.push({ name, address, entrySize })
      // Reads the last entry first. This refuses a size that exceeds the loaded bytes before it makes an array of that size.
      if (count > 0) word64(name, address + count * entrySize - 8)
      return Array.from({ length: count }, (_, i) => address + i * entrySize)
    })

  // A descriptor outside of the usual table is found by a pointer to it, or by its last word: that is the address of an
  // abort handler, which is known by the signature before it.
  const isAbortHandler = (address: number): boolean =>
    elf.text(address, 1) !== undefined && elf.word32(address - 4) === architecture.signature
  const endingThere = addresses(READ_ONLY, 8)
    .filter((address) => isAbortHandler(word64(READ_ONLY, address).value))
    .map((address) => address + 8 - DESCRIPTOR_SIZE)
  const pointers = addresses(POINTERS, 8).map((address) => ({
    address,
    descriptor: word64(POINTERS, address),
  }))
  const all = new Set([
    ...addresses(DESCRIPTORS, DESCRIPTOR_SIZE),
    ...pointers.map(({ descriptor }) => descriptor.value),
    ...endingThere,
  ])
  const there = [...all].filter((address) => elf.isData(address, DESCRIPTOR_SIZE)).sort((a, b) => a - b)
  const descriptors = there.map((address) => ({
    address,
    version: word32(DESCRIPTORS, address),
    flags: word32(DESCRIPTORS, address + 4),
    start: word64(DESCRIPTORS, address + 8),
    length: word64(DESCRIPTORS, address + 16),
    abort: word64(DESCRIPTORS, address + 24),
  }))
  if (descriptors.length === 0)
    throw new LintError(
      `has no critical sections: there are no descriptors, neither in ${DESCRIPTORS} nor where ${POINTERS} points to`,
    )
  return {
    descriptors,
    pointers,
    exitPoints: addresses(EXITS, 16).map((address) => ({
      address,
      start: word64(EXITS, address),
      exit: word64(EXITS, address + 8),
    })),
    uneven,
  }
}
