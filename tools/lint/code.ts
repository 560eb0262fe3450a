/**
 * The checks of a section's instructions.
 *
 * @module
 */
import { hex } from './bytes.js'
import type { Architecture, Instruction, InstructionKind } from './instruction.js'

/** The rules that instructions can break. */
export type CodeRule =
  | Extract<InstructionKind, 'call' | 'return' | 'push-pop' | 'system-call' | 'indirect' | 'trap'>
  | 'unknown-instruction'
  | 'branch'
  | 'commit'
  | 'range'

export interface CodeFinding {
  readonly rule: CodeRule
  readonly address: number
  readonly message: string
}

export interface CheckedCode {
  readonly instructions: number
  /** Whether all instructions are known. If they are, all exits are known, too. */
  readonly complete: boolean
  /** The addresses outside of the section to which its branches jump, each once. */
  readonly exits: ReadonlySet<number>
  readonly findings: readonly CodeFinding[]
}

/** For each forbidden kind of instruction, the reason why it must not stand in a section. */
const FORBIDDEN: Readonly<Partial<Record<InstructionKind, string>>> = {
  'system-call': 'a system call in a section is an error to the kernel, which may kill the process',
  call: 'a call leaves the section, and what it does is done again after an abort',
  return: 'a return leaves the section without a recorded exit',
  'push-pop': 'the stack pointer changes, and an abort does not change it back',
  indirect: 'nobody can tell where an indirect jump goes: it may leave the section',
  trap: 'a trap never gets to the commit',
}

interface Placed extends Instruction {
  readonly address: number
}

/** Decodes the instructions from `start` to the end of the section, or to the first unknown instruction. */
function decodeAll(code: Uint8Array, start: number, length: number, architecture: Architecture): Placed[] {
  const instructions: Placed[] = []
  let offset = 0
  while (offset < length) {
    const instruction = architecture.decode(code, offset, start + offset)
    if (instruction === undefined) break
    instructions.push({ ...instruction, address: start + offset })
    offset += instruction.length
  }
  return instructions
}

/**
 * Checks the instructions of the section of `length` bytes at `start`. O(instructions).
 *
 * @param code at least `length` bytes of text from `start`.
 */
export function checkCode(
  code: Uint8Array,
  start: number,
  length: number,
  architecture: Architecture,
): CheckedCode {
  const end = start + length
  const findings: CodeFinding[] = []
  const instructions = decodeAll(code, start, length, architecture)
  const boundaries = new Set(instructions.map(({ address }) => address))
  const last = instructions.at(-1)
  const decodedTo = last === undefined ? start : last.address + last.length

  const exits = new Set<number>()
  for (const { address, kind, name, target } of instructions) {
    const why = FORBIDDEN[kind]
    if (why !== undefined) findings.push({ rule: kind as CodeRule, address, message: `${name}: ${why}` })
    if (kind !== 'branch' || target === undefined) continue
    if (target < start || target >= end) exits.add(target)
    else if (target < decodedTo && !boundaries.has(target))
      findings.push({
        rule: 'branch',
        address,
        message: `${name} goes into the middle of the instruction before ${hex(target)}`,
      })
  }

  if (decodedTo < end) {
    const from = decodedTo - start
    const bytes = Buffer.from(code.subarray(from, from + architecture.longestInstruction)).toString('hex')
    findings.push({
      rule: 'unknown-instruction',
      address: decodedTo,
      message: `unknown instruction bytes ${bytes}: if they may stand in a section, extend the table for ${architecture.name}`,
    })
  } else if (decodedTo > end) {
    findings.push({
      rule: 'range',
      address: last?.address ?? start,
      message: `the section ends at ${hex(end)}, inside ${last?.name ?? 'an instruction'}`,
    })
  } else if (last?.kind !== 'store') {
    findings.push({
      rule: 'commit',
      address: last?.address ?? start,
      message: `the last instruction must be the committing store, it is ${last?.name ?? 'missing'}`,
    })
  }
  return { instructions: instructions.length, complete: decodedTo >= end, exits, findings }
}
