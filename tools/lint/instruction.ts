/**
 * The types with which the linter describes instructions and architectures.
 *
 * @module
 */

/** The effect of an instruction on control flow, memory or the stack pointer. */
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
  /** An instruction that stops the program or hands it to a debugger. */
  | 'trap'

export interface Instruction {
  /** The length in bytes. */
  readonly length: number
  readonly kind: InstructionKind
  /** The mnemonic, or the class of the architecture manual. */
  readonly name: string
  /** The target of a direct branch. */
  readonly target?: number
}

export interface Architecture {
  readonly name: string
  /** `e_machine` of the ELF header. */
  readonly machine: number
  /** The word before abort_ip, which is also the signature of the registration of areas. */
  readonly signature: number
  /** The type of the dynamic relocation "base plus addend". */
  readonly relativeRelocation: number
  /** The most bytes that an instruction can have. */
  readonly longestInstruction: number
  /** Decodes the instruction at `code[offset]`, whose address is `address`. Returns undefined if the tables do not have it. */
  decode(code: Uint8Array, offset: number, address: number): Instruction | undefined
}
