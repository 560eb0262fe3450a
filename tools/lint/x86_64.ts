/**
 * Decodes x86-64 instructions: prefixes (VEX among them), opcode, ModRM, SIB, displacement, immediate.
 *
 * @module
 */
import type { Architecture, Instruction } from './instruction.js'
import { type Opcode, type Operands, hexByte, opcodeMaps } from './x86_64-opcodes.js'

const [REX_W, REX_R, REX_B] = [8, 4, 1]
const STACK_POINTER = 4
const LEGACY_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3])

/** The legacy prefixes that each value of VEX.pp stands for. */
const VEX_PREFIXES: readonly (readonly number[])[] = [[], [0x66], [0xf3], [0xf2]]

interface Prefixes {
  readonly length: number
  readonly legacy: ReadonlySet<number>
  readonly rex: number
  /** A VEX prefix stands for all of these, and for the opcode's byte 0F. */
  readonly isVex: boolean
}

/** A VEX prefix of two or three bytes, for opcodes after 0F; undefined for other maps. Manual, volume 2, figure 2-9. */
function readVex(code: Uint8Array, offset: number): Prefixes | undefined {
  const length = code[offset] === 0xc5 ? 2 : 3
  const [first = 0, last = 0] = [code[offset + 1], code[offset + length - 1]]
  if (length === 3 && (first & 0x1f) !== 1) return undefined
  // VEX holds the inverted bits of REX. X does not matter here. W is not read: it is another bit in the longer form.
  const rex = ((first & 0x80) === 0 ? REX_R : 0) | (length === 3 && (first & 0x20) === 0 ? REX_B : 0)
  return { length, legacy: new Set(VEX_PREFIXES[last & 3]), rex, isVex: true }
}

function readPrefixes(code: Uint8Array, offset: number): Prefixes | undefined {
  if (code[offset] === 0xc5 || code[offset] === 0xc4) return readVex(code, offset)
  const legacy = new Set<number>()
  let at = offset
  for (let byte = code[at]; byte !== undefined && LEGACY_PREFIXES.has(byte); byte = code[++at])
    legacy.add(byte)
  const byte = code[at] ?? 0
  const rex = (byte & 0xf0) === 0x40 ? byte : 0
  return { length: at - offset + (rex === 0 ? 0 : 1), legacy, rex, isVex: false }
}

/** Reads the opcode at `offset` after its prefixes. The result's `length` is the number of bytes of the opcode itself. */
function readOpcode(
  code: Uint8Array,
  offset: number,
  { legacy, isVex }: Prefixes,
): (Opcode & { length: number; lowBits: number }) | undefined {
  const length = !isVex && code[offset] === 0x0f ? 2 : 1
  const map = isVex || length === 2 ? opcodeMaps.twoByte : opcodeMaps.oneByte
  const byte = code[offset + length - 1]
  if (byte === undefined) return undefined
  const mandatory = [0xf2, 0xf3, 0x66].find((prefix) => legacy.has(prefix))
  const prefix = mandatory === undefined ? '' : `${hexByte(mandatory)}:`
  const group = `/${((code[offset + length] ?? 0) >> 3) & 7}`
  const key = hexByte(byte)
  const opcode = map.get(prefix + key) ?? map.get(key) ?? map.get(key + group)
  if (opcode === undefined || (isVex && !opcode.operands.includes('V'))) return undefined
  return { ...opcode, length, lowBits: byte & 7 }
}

/** The length of ModRM with the SIB byte and the displacement after it. */
function modRmLength(modRm: number, sib: number | undefined): number {
  const mod = modRm >> 6
  const rm = modRm & 7
  if (mod === 3) return 1
  const hasSib = rm === 4
  const withoutBase = mod === 0 && (hasSib ? ((sib ?? 0) & 7) === 5 : rm === 5)
  return 1 + (hasSib ? 1 : 0) + (mod === 1 ? 1 : mod === 2 || withoutBase ? 4 : 0)
}

function immediateLength(operands: Operands, { legacy, rex }: Prefixes): number {
  const wide = (rex & REX_W) !== 0
  const ordinary = legacy.has(0x66) && !wide ? 2 : 4
  const lengths: Readonly<Record<string, number>> = {
    b: 1,
    w: 2,
    z: ordinary,
    v: wide ? 8 : ordinary,
    a: legacy.has(0x67) ? 4 : 8,
    j: 1,
    J: 4,
  }
  let sum = 0
  for (const letter of operands) sum += lengths[letter] ?? 0
  return sum
}

function decode(code: Uint8Array, offset: number, address: number): Instruction | undefined {
  const prefixes = readPrefixes(code, offset)
  if (prefixes === undefined) return undefined
  const { rex, legacy } = prefixes
  const opcode = readOpcode(code, offset + prefixes.length, prefixes)
  if (opcode === undefined) return undefined
  const { operands, name } = opcode
  const has = (letter: string): boolean => operands.includes(letter)

  const modRmAt = offset + prefixes.length + opcode.length
  const modRm = has('M') ? (code[modRmAt] ?? 0) : 0
  const inRegister = modRm >> 6 === 3
  if (has('R') && !inRegister) return undefined
  const length =
    modRmAt -
    offset +
    (has('M') ? modRmLength(modRm, code[modRmAt + 1]) : 0) +
    immediateLength(operands, prefixes)
  if (length > x86_64.longestInstruction || offset + length > code.length) return undefined

  if (has('j') || has('J')) {
    // With an operand-size prefix, the processors of one vendor cut the target to 16 bits.
    if (legacy.has(0x66)) return undefined
    const view = new DataView(code.buffer, code.byteOffset)
    const end = offset + length
    const distance = has('j') ? view.getInt8(end - 1) : view.getInt32(end - 4, true)
    return { length, kind: opcode.kind, name, target: address + length + distance }
  }

  const high = (bit: number): number => ((rex & bit) !== 0 ? 8 : 0)
  const written = [
    has('E') && inRegister ? (modRm & 7) | high(REX_B) : undefined,
    has('G') ? ((modRm >> 3) & 7) | high(REX_R) : undefined,
    has('O') ? opcode.lowBits | high(REX_B) : undefined,
  ]
  if (!has('B') && written.includes(STACK_POINTER)) return { length, kind: 'push-pop', name }
  const stores = has('S') || ((has('E') || has('X')) && !inRegister)
  return { length, kind: stores ? 'store' : opcode.kind, name }
}

export const x86_64: Architecture = {
  name: 'x86-64',
  machine: 62,
  signature: 0x53053053,
  relativeRelocation: 8,
  longestInstruction: 15,
  decode,
}
