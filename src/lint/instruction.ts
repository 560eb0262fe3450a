/**
 * What the linter wants to know of an instruction, and of an architecture.
 *
 * @module
 */

/** What an instruction does to control flow, memory or the stack pointer. */
export type InstructionKind =
  | 'plain'
  | 'store'
  /** A direct jump, conditional or not. */
  | 'branch'
  /** A jump to an address in a register or in memory. */
  | 'indirect'
  | 'call'
  | 'return'
  /** A push, a pop, or another change of the stack pointer: an abort would not undo it. */
  | 'push-pop'
  | 'system-call'
  /** Stops the program, or hands it to a debugger. */
  | 'trap'

export interface Instruction {
  /** In bytes. */
  readonly length: number
  readonly kind: InstructionKind
  /** The mnemonic, or the class of the architecture manual. */
  readonly name: string
  /** Where a direct branch goes. */
  readonly target?: number
}

export interface Architecture {
  readonly name: string
  /** `e_machine` of the ELF header. */
  readonly machine: number
  /** The word before abort_ip: what areas are registered with. */
  readonly signature: number
  /** The type of the dynamic relocation "base plus addend". */
  readonly relativeRelocation: number
  /** The most bytes that an instruction can have. */
  readonly longestInstruction: number
  /** The instruction at an address, which is `code[offset]`; undefined if the tables do not have it. */
  decode(code: Uint8Array, offset: number, address: number): Instruction | undefined
}
