/**
 * What says when an event is recorded: its switch, and beside the definition of the events a block for each kind of records, which
 * has what a switch has no room for. Any process may write both, and every byte may be wrong.
 *
 * A switch is 0 if the event is off, 1 if it is on, and n, up to 2**31 - 1, if one of n is recorded. If its bit 31 is set, its other bits are
 * a number by chance, and the event's block says when it is recorded:
 *
 *     bytes 0 to 7    two hashes of the record's definition, by which programs in C++ find its number
 *     bytes 8 to 11   a hash of the switch and of bytes 12 to 159: a block that does not fit it is damaged, or is being written
 *     bytes 12 to 15  one of so many is recorded
 *     bytes 16 to 19  how many are recorded in a second on each CPU; 0: no limit
 *     bytes 20 to 23  the number of terms of the filter
 *     bytes 32 to 159 the terms, 16 bytes each: the field's position, the comparison, 1 if it stands behind `||`; at 8 the number
 *
 * A process that changes a block writes the switch last. Events of a damaged block are not recorded.
 *
 * @module
 */
import { FNV_OFFSET, fnv1a } from '../core/fnv1a.js'
import { MOST_TERMS, type Term, isTerm } from './filter.js'
import type { RecordSpec } from './schema.js'

export const CONTROL_BYTES = 160
/** The most in "1 in n". */
export const MOST_SAMPLING = 2 ** 31 - 1
/** The most that are recorded in a second on a CPU: so many fit beside the second in a word. */
export const MOST_RATE = 2 ** 20 - 1
/** Words that count an event's records of this second; CPUs whose numbers differ by a multiple of this share one. */
export const RATE_WORDS = 256
const RATE_BITS = 20
const BLOCK = 2 ** 31
const At = { check: 8, sample: 12, rate: 16, count: 20, terms: 32 } as const
const TERM_BYTES = 16
/** How often a word is changed that other threads change, too. */
const ATTEMPTS = 8

/** When an event is recorded. */
export interface Control {
  /** 0: never; n: one of n of those that pass the filter. */
  readonly sample: number
  /** The most in a second on each CPU; 0: no limit. */
  readonly perSecond: number
  /** The filter; none: everything passes. */
  readonly terms: readonly Term[]
}

export const OFF: Control = { sample: 0, perSecond: 0, terms: [] }

/** Where the two hashes of a definition begin. */
const STARTS = [FNV_OFFSET, 0x9e3779b9] as const

/** The two hashes of a record's definition. native/trace/events.h computes them, too. */
export function definitionHashes({ event, phase, level, fields }: RecordSpec): [number, number] {
  const texts = fields.map(({ name, type, most, labels }) => `${name}:${type}:${most}:${labels.join('|')}`)
  const bytes = Buffer.from([event, phase, level, ...texts].join('\n'))
  return [fnv1a(bytes, STARTS[0]), fnv1a(bytes, STARTS[1])]
}

/** The switch and the block that stand for a control. The block is undefined if the switch says all. */
export function encodeControl({ sample, perSecond, terms }: Control): { word: number; block?: Buffer } {
  if (terms.length === 0 && perSecond === 0) return { word: sample }
  const word = (BLOCK + Math.floor(Math.random() * BLOCK)) >>> 0
  const block = Buffer.alloc(CONTROL_BYTES)
  block.writeUInt32LE(sample, At.sample)
  block.writeUInt32LE(perSecond, At.rate)
  block.writeUInt32LE(terms.length, At.count)
  terms.forEach(({ field, operator, value, isAlternative }, k) => {
    const at = At.terms + TERM_BYTES * k
    block.set([field, operator, isAlternative ? 1 : 0], at)
    block.writeDoubleLE(value, at + 8)
  })
  block.writeUInt32LE(fnv1a(block.subarray(At.sample), word), At.check)
  return { word, block: block.subarray(At.check) }
}

/** Where the bytes of {@link encodeControl} stand in a block. */
export const CONTROL_AT = At.check

/**
 * Reads a switch and, if it says so, a block.
 *
 * @param block - a copy of the block's bytes.
 * @param fields - how many fields the event has.
 * @returns undefined if the block does not fit the switch, or says what is not accepted.
 */
export function decodeControl(word: number, block: () => Uint8Array, fields: number): Control | undefined {
  if (word < BLOCK) return { ...OFF, sample: word }
  const bytes = Buffer.from(block())
  if (fnv1a(bytes.subarray(At.sample), word) !== bytes.readUInt32LE(At.check)) return undefined
  const [sample, perSecond] = [bytes.readUInt32LE(At.sample), bytes.readUInt32LE(At.rate)]
  const count = bytes.readUInt32LE(At.count)
  if (count > MOST_TERMS || sample < 1 || sample > MOST_SAMPLING || perSecond > MOST_RATE) return undefined
  const terms = Array.from({ length: count }, (_, k): Term => {
    const at = At.terms + TERM_BYTES * k
    return {
      field: bytes[at] as number,
      operator: bytes[at + 1] as number,
      isAlternative: bytes[at + 2] === 1,
      value: bytes.readDoubleLE(at + 8),
    }
  })
  return terms.every((term) => isTerm(term, fields)) ? { sample, perSecond, terms } : undefined
}

/**
 * Counts a record of this second on a CPU, unless there were `most` already. Each word has the second in its upper bits and the
 * count in its lower ones; whatever else is in it counts for a second at most.
 *
 * @param words - the {@link RATE_WORDS} words of the event, which all threads and processes share.
 */
export function isWithinRate(words: Uint32Array, cpu: number, most: number, nowMs: number): boolean {
  const k = cpu % RATE_WORDS
  const second = (Math.floor(nowMs / 1000) << RATE_BITS) >>> 0
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const word = Atomics.load(words, k)
    const count = word >>> RATE_BITS === second >>> RATE_BITS ? word - second : 0
    if (count >= most) return false
    if (Atomics.compareExchange(words, k, word, second + count + 1) === word) return true
  }
  return false
}
