/**
 * The x86-64 opcodes that may or must not stand in a critical section, with their operands and effects.
 *
 * The tables follow the opcode maps in appendix A of Intel's Software Developer's Manual, volume 2
 * (one-byte map A-2, 0F map A-3, groups A-6), for 64-bit mode. What is not here is unknown on
 * purpose: EVEX, x87, MMX without prefix, the 0F38 and 0F3A maps, privileged instructions.
 *
 * @module
 */
import type { InstructionKind } from './instruction.js'

/**
 * The operands and effects of an opcode, as letters:
 *   M  a ModRM byte (with SIB and displacement)
 *   E  it writes the operand that ModRM's r/m names: a store, if that is memory
 *   G  it writes the general register that ModRM's reg names
 *   O  it writes the general register in the opcode's low three bits
 *   B  its operands are bytes (so that register 4 is not the stack pointer)
 *   X  it writes what r/m names, memory or a vector register
 *   R  r/m must be a register: with memory it is another instruction, which is unknown
 *   S  it stores to memory without naming it in ModRM
 *   V  it is a vector instruction, and the same with a VEX prefix
 *   b w z v a  an immediate of 1, 2, 4 (2 with prefix 66), 4 (8 with REX.W) or 8 bytes, or an address
 *   j J  a jump's offset of 1 or 4 bytes
 */
export type Operands = string

/** Opcodes ("80 83", "70-7f", and "80/7" for one value of ModRM's reg), operands, mnemonics, kind. */
type Row = readonly [opcodes: string, operands: Operands, name: string, kind?: InstructionKind]

const oneByte: readonly Row[] = [
  ...['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor'].flatMap((name, i): Row[] => [
    [hexByte(8 * i), 'MEB', name],
    [hexByte(8 * i + 1), 'ME', name],
    [hexByte(8 * i + 2), 'MGB', name],
    [hexByte(8 * i + 3), 'MG', name],
    [hexByte(8 * i + 4), 'b', name],
    [hexByte(8 * i + 5), 'z', name],
    [`80/${i}`, 'MEBb', name],
    [`81/${i}`, 'MEz', name],
    [`83/${i}`, 'MEb', name],
  ]),
  ['38-3b', 'M', 'cmp'],
  ['3c', 'b', 'cmp'],
  ['3d', 'z', 'cmp'],
  ['80/7 83/7', 'Mb', 'cmp'],
  ['81/7', 'Mz', 'cmp'],
  ['50-5f', '', 'push, pop', 'push-pop'],
  ['63', 'MG', 'movsxd'],
  ['68', 'z', 'push', 'push-pop'],
  ['69', 'MGz', 'imul'],
  ['6a', 'b', 'push', 'push-pop'],
  ['6b', 'MGb', 'imul'],
  ['70-7f', 'j', 'jcc', 'branch'],
  ['84 85', 'M', 'test'],
  ['86', 'MEGB', 'xchg'],
  ['87', 'MEG', 'xchg'],
  ['88', 'MEB', 'mov'],
  ['89', 'ME', 'mov'],
  ['8a', 'MGB', 'mov'],
  ['8b', 'MG', 'mov'],
  ['8d', 'MG', 'lea'],
  ['8f/0', 'M', 'pop', 'push-pop'],
  ['90-97', 'O', 'xchg, nop'],
  ['98 99', '', 'cdqe, cqo'],
  ['9c 9d', '', 'pushf, popf', 'push-pop'],
  ['9e 9f', '', 'sahf, lahf'],
  ['a0 a1', 'a', 'mov (absolute)'],
  ['a2 a3', 'aS', 'mov (absolute)'],
  ['a4 a5', 'S', 'movs'],
  ['a6 a7', '', 'cmps'],
  ['a8', 'b', 'test'],
  ['a9', 'z', 'test'],
  ['aa ab', 'S', 'stos'],
  ['ac-af', '', 'lods, scas'],
  ['b0-b7', 'b', 'mov'],
  ['b8-bf', 'Ov', 'mov'],
  ['c0/0-5 c0/7', 'MEBb', 'rotate, shift'],
  ['c1/0-5 c1/7', 'MEb', 'rotate, shift'],
  ['c2', 'w', 'ret', 'return'],
  ['c3', '', 'ret', 'return'],
  ['c6/0', 'MEBb', 'mov'],
  ['c7/0', 'MEz', 'mov'],
  ['c8', 'wb', 'enter', 'push-pop'],
  ['c9', '', 'leave', 'push-pop'],
  ['ca', 'w', 'retf', 'return'],
  ['cb cf', '', 'retf, iret', 'return'],
  ['cc', '', 'int3', 'trap'],
  ['cd', 'b', 'int', 'system-call'],
  ['d0/0-5 d0/7 d2/0-5 d2/7', 'MEB', 'rotate, shift'],
  ['d1/0-5 d1/7 d3/0-5 d3/7', 'ME', 'rotate, shift'],
  ['e0-e3', 'j', 'loop, jrcxz', 'branch'],
  ['e8', 'J', 'call', 'call'],
  ['e9', 'J', 'jmp', 'branch'],
  ['eb', 'j', 'jmp', 'branch'],
  ['f1 f4', '', 'int1, hlt', 'trap'],
  ['f5 f8 f9 fc fd', '', 'flags'],
  ['f6/0', 'Mb', 'test'],
  ['f7/0', 'Mz', 'test'],
  ['f6/2-3', 'MEB', 'not, neg'],
  ['f7/2-3', 'ME', 'not, neg'],
  ['f6/4-7 f7/4-7', 'M', 'mul, div'],
  ['fe/0-1', 'MEB', 'inc, dec'],
  ['ff/0-1', 'ME', 'inc, dec'],
  ['ff/2-3', 'M', 'call', 'call'],
  ['ff/4-5', 'M', 'jmp', 'indirect'],
  ['ff/6', 'M', 'push', 'push-pop'],
]

/**
 * The opcodes after 0F. A mandatory prefix of SSE selects the instruction: a row that begins with "66:",
 * "f3:" or "f2:" holds for that prefix, and takes precedence over a row without a prefix.
 */
const twoByte: readonly Row[] = [
  ['05', '', 'syscall', 'system-call'],
  ['34', '', 'sysenter', 'system-call'],
  ['0b', '', 'ud2', 'trap'],
  ['b9 ff', 'M', 'ud1, ud0', 'trap'],
  ['0d 18 1e 1f', 'M', 'prefetch, nop, endbr64'],
  ['31 a2', '', 'rdtsc, cpuid'],
  ['ae/5-7', 'MR', 'lfence, mfence, sfence'],
  ['80-8f', 'J', 'jcc', 'branch'],
  ['a0 a1 a8 a9', '', 'push, pop', 'push-pop'],

  ['40-4f', 'MG', 'cmov'],
  ['90-9f', 'MEB', 'setcc'],
  ['a3', 'M', 'bt'],
  ['ab b3 bb', 'ME', 'bts, btr, btc'],
  ['ba/4', 'Mb', 'bt'],
  ['ba/5-7', 'MEb', 'bts, btr, btc'],
  ['a4 ac', 'MEb', 'shld, shrd'],
  ['a5 ad', 'ME', 'shld, shrd'],
  ['af', 'MG', 'imul'],
  ['b0', 'MEB', 'cmpxchg'],
  ['b1', 'ME', 'cmpxchg'],
  ['b6 b7 be bf', 'MG', 'movzx, movsx'],
  ['f3:b8 bc bd', 'MG', 'popcnt, bsf, bsr, tzcnt, lzcnt'],
  ['c0', 'MEGB', 'xadd'],
  ['c1', 'MEG', 'xadd'],
  ['c3', 'ME', 'movnti'],
  ['c7/1', 'ME', 'cmpxchg16b'],
  ['c8-cf', 'O', 'bswap'],

  ['10 12 14-16 28 2a 2e 2f', 'MV', 'SSE load, convert, compare'],
  ['11 13 17 29 2b', 'MXV', 'SSE store'],
  ['2c 2d 50', 'MGV', 'SSE to general register'],
  ['51-5f', 'MV', 'SSE arithmetic'],
  ['66:60-6d f3:6f 66:6e 66:6f', 'MV', 'SSE move, pack'],
  ['66:70 f3:70 f2:70', 'MbV', 'SSE shuffle'],
  ['66:71-73', 'MRbV', 'SSE shift'],
  ['66:74-76', 'MV', 'SSE compare'],
  ['f3:7e', 'MV', 'movq'],
  ['66:7e', 'MEV', 'movd, movq'],
  ['66:7f f3:7f', 'MXV', 'movdqa, movdqu'],
  ['c2 c6 66:c4', 'MbV', 'SSE compare, shuffle, insert'],
  ['66:c5', 'MGbV', 'pextrw'],
  ['66:d6 66:e7', 'MXV', 'movq, movntdq'],
  ['66:d7', 'MGV', 'pmovmskb'],
  ['66:d0-d5 66:d8-df 66:e0-e5 e6 66:e8-ef f2:f0 66:f1-f6 66:f8-fe', 'MV', 'SSE2 integer'],
  ['66:f7', 'MSV', 'maskmovdqu'],
]

export interface Opcode {
  readonly operands: Operands
  readonly name: string
  readonly kind: InstructionKind
}

export function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

/** Expands "70-7f" or "c1/0-5" into single keys. */
function keys(spec: string): string[] {
  const [, prefix = '', opcode = '', lastOpcode, reg, lastReg] =
    /^(..:)?(..)(?:-(..))?(?:\/(.)(?:-(.))?)?$/.exec(spec) ?? []
  if (reg !== undefined) {
    const count = Number(lastReg ?? reg) - Number(reg) + 1
    return Array.from({ length: count }, (_, i) => `${prefix}${opcode}/${Number(reg) + i}`)
  }
  const first = parseInt(opcode, 16)
  const last = parseInt(lastOpcode ?? opcode, 16)
  return Array.from({ length: last - first + 1 }, (_, i) => prefix + hexByte(first + i))
}

function opcodeMap(rows: readonly Row[]): ReadonlyMap<string, Opcode> {
  return new Map(
    rows.flatMap(([opcodes, operands, name, kind = 'plain']) =>
      opcodes
        .split(' ')
        .flatMap(keys)
        .map((key) => [key, { operands, name, kind }] as const),
    ),
  )
}

/** The opcodes by two hexadecimal digits, with the prefix or the ModRM group of the row. */
export const opcodeMaps = { oneByte: opcodeMap(oneByte), twoByte: opcodeMap(twoByte) }
