/**
 * Changes to a good binary, each of which breaks a rule of the linter.
 *
 * @module
 */
import type { SectionReport } from '../../build/tools/lint/lint.js'
import { BROKEN_CODE } from './broken-code.js'
import { DECODERS } from './decoders.js'
import { type ElfPatch, TABLES } from './elf-patch.js'
import type { ArchitectureName } from './toolchains.js'

/** The section that mutations break. */
export const VICTIM = 'rseq_load_cbne_store_cpu_id'

/** A change that must be found, and the rules that then are broken: exactly these. */
export interface Mutation {
  title: string
  rules: string[]
  /** The section or table that findings name; the victim unless told. */
  names?: RegExp
  mutate: (patch: ElfPatch, victim: SectionReport, descriptor: number) => void
}

export function mutationsOf(architecture: ArchitectureName): Mutation[] {
  const { nop, epilogue, branchStep, broken } = BROKEN_CODE[architecture]
  const decoder = DECODERS[architecture]

  /** The address and length of each of the victim's instructions. */
  function instructions(
    patch: ElfPatch,
    { start, length }: SectionReport,
  ): { address: number; length: number }[] {
    const code = patch.bytes.subarray(patch.offsetOf(start), patch.offsetOf(start) + length)
    const list = []
    for (let offset = 0; offset < length;) {
      const instruction = decoder.decode(code, offset, start + offset)
      if (instruction === undefined) throw new Error(`the library has an instruction that is not known`)
      list.push({ address: start + offset, length: instruction.length })
      offset += instruction.length
    }
    return list
  }
  function nops(length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => nop[i % nop.length] ?? 0)
  }
  function firstBranch(patch: ElfPatch, victim: SectionReport): { address: number; length: number } {
    const list = instructions(patch, victim)
    const branch = architecture === 'x86-64' ? list[1] : list[2]
    if (branch === undefined) throw new Error('the victim has no branch')
    return branch
  }
  /** Overwrites the load and the comparison after the first branch. */
  function place(patch: ElfPatch, victim: SectionReport, code: Uint8Array): void {
    const list = instructions(patch, victim)
    const { address, length } = firstBranch(patch, victim)
    const [from, to] = [address + length, list.at(-2)?.address ?? 0]
    if (code.length > to - from) throw new Error('no room')
    patch.setBytes(from, nops(to - from))
    patch.setBytes(from, code)
  }
  function entryWith(patch: ElfPatch, name: string, size: number, value: number): number {
    const entry = patch.entries(name, size).find((address) => patch.word(address) === value)
    if (entry === undefined) throw new Error(`${name} has no such entry`)
    return entry
  }
  function setWord32(patch: ElfPatch, address: number, change: (value: number) => number): void {
    const at = patch.offsetOf(address)
    patch.view.setUint32(at, change(patch.view.getUint32(at, true)) >>> 0, true)
  }
  function lengthen(patch: ElfPatch, { length }: SectionReport, descriptor: number, by: number): void {
    patch.setWord(descriptor + 16, length + by)
  }
  function lastLength(patch: ElfPatch, victim: SectionReport): number {
    return instructions(patch, victim).at(-1)?.length ?? 0
  }

  const inside = Object.entries(broken).map(([title, code]): Mutation => ({
    title: `inside: ${title}`,
    rules: [title.split(':')[0] ?? ''],
    mutate: (patch, victim) => {
      place(patch, victim, code)
    },
  }))
  return [
    ...inside,
    {
      title: 'version 1',
      rules: ['version'],
      mutate: (patch, _, descriptor) => {
        setWord32(patch, descriptor, () => 1)
      },
    },
    {
      title: 'descriptors that stay writable',
      rules: ['writable'],
      names: /^rseq_/,
      mutate: (patch) => {
        patch.removeRelro()
      },
    },
    {
      title: 'flags set',
      rules: ['flags'],
      mutate: (patch, _, descriptor) => {
        setWord32(patch, descriptor + 4, () => 4)
      },
    },
    {
      title: 'one bit of the signature flipped',
      rules: ['signature'],
      mutate: (patch, { abort }) => {
        setWord32(patch, abort - 4, (word) => word ^ 1)
      },
    },
    {
      title: 'abort_ip inside the section',
      rules: ['abort', 'signature'],
      mutate: (patch, { start }, descriptor) => {
        patch.setWord(descriptor + 24, start + 4)
      },
    },
    {
      title: 'abort_ip outside of text',
      rules: ['abort'],
      mutate: (patch, _, descriptor) => {
        patch.setWord(descriptor + 24, descriptor)
      },
    },
    {
      title: 'start_ip outside of text',
      rules: ['exit-array', 'range'],
      names: /^0x|^__rseq_exit_point_array$/,
      mutate: (patch, _, descriptor) => {
        patch.setWord(descriptor + 8, descriptor)
      },
    },
    {
      title: 'a section without length',
      rules: ['range'],
      mutate: (patch, _, descriptor) => {
        patch.setWord(descriptor + 16, 0)
      },
    },
    {
      title: 'a section that ends after its text',
      rules: ['abort', 'range'],
      mutate: (patch, _, descriptor) => {
        patch.setWord(descriptor + 16, 2 ** 40)
      },
    },
    {
      title: 'a section that ends inside an instruction',
      rules: ['range'],
      mutate: (patch, victim, descriptor) => {
        lengthen(patch, victim, descriptor, -1)
      },
    },
    {
      title: 'a section that ends before its commit',
      rules: ['commit'],
      mutate: (patch, victim, descriptor) => {
        lengthen(patch, victim, descriptor, -lastLength(patch, victim))
      },
    },
    {
      title: 'a section that ends after its return',
      rules: ['commit', 'return'],
      mutate: (patch, victim, descriptor) => {
        lengthen(patch, victim, descriptor, epilogue)
      },
    },
    {
      title: 'no store as the last instruction',
      rules: ['commit'],
      mutate: (patch, victim) => {
        const length = lastLength(patch, victim)
        patch.setBytes(victim.start + victim.length - length, nops(length))
      },
    },
    {
      title: 'a branch to somewhere else',
      rules: ['exit-array'],
      mutate: (patch, victim) => {
        const { address } = firstBranch(patch, victim)
        const at = patch.offsetOf(address) + branchStep.offset
        if (branchStep.offset === 0)
          patch.view.setUint32(at, patch.view.getUint32(at, true) + branchStep.step, true)
        else patch.view.setUint8(at, patch.view.getUint8(at) + branchStep.step)
      },
    },
    {
      title: 'an exit point to somewhere else',
      rules: ['exit-array'],
      mutate: (patch, { start }) => {
        patch.setWord(entryWith(patch, TABLES.exits, 16, start) + 8, start)
      },
    },
    {
      title: 'an exit point without section',
      rules: ['exit-array'],
      names: new RegExp(`^(${TABLES.exits}|${VICTIM})$`),
      mutate: (patch, { start }) => {
        patch.setWord(entryWith(patch, TABLES.exits, 16, start), start + 1)
      },
    },
    {
      title: 'the last exit point missing',
      rules: ['exit-array'],
      names: /^rseq_/,
      mutate: (patch) => {
        patch.resize(TABLES.exits, { shorten: 16 })
      },
    },
    {
      title: 'half of an exit point missing',
      rules: ['alignment', 'exit-array'],
      names: /^rseq_|^__rseq_exit_point_array$/,
      mutate: (patch) => {
        patch.resize(TABLES.exits, { shorten: 8 })
      },
    },
    {
      title: 'a null pointer to the descriptor',
      rules: ['pointer-array'],
      names: new RegExp(`^(${TABLES.pointers}|${VICTIM})$`),
      mutate: (patch, _, descriptor) => {
        patch.setWord(entryWith(patch, TABLES.pointers, 8, descriptor), 0)
      },
    },
    {
      title: 'a second pointer to the descriptor',
      rules: ['pointer-array'],
      names: /^rseq_/,
      mutate: (patch, _, descriptor) => {
        const other = patch.entries(TABLES.pointers, 8).find((address) => patch.word(address) !== descriptor)
        patch.setWord(other ?? 0, descriptor)
      },
    },
    {
      title: 'start_ip without relocation',
      rules: ['relocation'],
      mutate: (patch, _, descriptor) => {
        const relocation = patch.relocationOf(descriptor + 8)
        patch.view.setUint32((relocation ?? 0) + 8, 0, true)
      },
    },
    {
      title: 'the length relocated',
      rules: ['relocation'],
      mutate: (patch, { length }, descriptor) => {
        // abort_ip's relocation moves there, so abort_ip is left with what the linker put in place.
        const relocation = patch.relocationOf(descriptor + 24) ?? 0
        const abort = patch.word(descriptor + 24)
        patch.view.setBigUint64(relocation, BigInt(descriptor + 16), true)
        patch.setWord(descriptor + 16, length)
        patch.setWord(descriptor + 24, abort)
      },
    },
    ...(architecture === 'x86-64'
      ? [
          {
            title: 'a branch into the middle of an instruction',
            rules: ['branch', 'exit-array'],
            mutate: (patch: ElfPatch, victim: SectionReport) => {
              // The first branch, 2 bytes long, goes to its own second byte.
              const { address } = firstBranch(patch, victim)
              patch.view.setInt8(patch.offsetOf(address) + 1, -1)
            },
          },
        ]
      : []),
  ]
}
