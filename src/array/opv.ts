/**
 * Vectors of operations: `cpu_opv`.
 *
 * @module
 */
import type { PerCpuArray } from './array.js'
import { type ArrayShard, arrayError, arrayOf, checkShard, checkWord } from './array-words.js'
import type { OpenArray } from '../core/contract.js'
import { backend } from '../runtime/backend.js'
import { checkInteger, checkObject, rangeError, typeError } from '../core/errors.js'
import { OPV_MOST, OpvKind, OpvWord } from '../core/layout.js'
import { toWord } from '../core/word-bits.js'

/**
 * One operation of a vector, on word `index`.
 *
 * `compareEqual` and `compareNotEqual` end the vector if the comparison fails. `store` and `copy` (from the word `from`)
 * replace the word; `add` adds like {@link PerCpuArray.add}. `or`, `and`, `xor` and the shifts are for integer arrays only;
 * `shiftRight` shifts in zeros. A thread on another CPU that sees a store after a `barrier` also sees all stores before it.
 */
export type OpvOperation =
  | {
      /** The operation. */
      readonly op: 'compareEqual' | 'compareNotEqual' | 'store' | 'add' | 'or' | 'and' | 'xor'
      /** The word, 0 to length - 1. */
      readonly index: number
      /** The operand: a number that the element accepts; for `i64` and `i32` also a bigint of at most 64 or 32 bits. */
      readonly value: number | bigint
    }
  | {
      /** Copies a word. */
      readonly op: 'copy'
      /** The word to write, 0 to length - 1. */
      readonly index: number
      /** The word to read, 0 to length - 1. */
      readonly from: number
    }
  | {
      /** Shifts a word. */
      readonly op: 'shiftLeft' | 'shiftRight'
      /** The word, 0 to length - 1. */
      readonly index: number
      /** The distance: 0 to 63, or to 31 for `i32`. */
      readonly bits: number
    }
  | {
      /** Orders the stores before it with those after it. */
      readonly op: 'barrier'
    }

const KINDS = Object.keys(OpvKind).map((name) => `'${name}'`)
const A_VECTOR = `an array of at most ${OPV_MOST} operations such as { op: 'add', index: 0, value: 1 }`

/** The unchecked fields of an operation. */
type Fields = Partial<Record<'op' | 'index' | 'value' | 'from' | 'bits', unknown>>

/** Checks a vector and encodes it in the form that `native/percpu/opv.h` describes. */
class Encoder {
  readonly bytes = new Uint8Array(OPV_MOST * OpvWord.bytes)
  readonly #numbers = new Uint32Array(this.bytes.buffer)
  readonly #values = new BigInt64Array(this.bytes.buffer)
  readonly #array: OpenArray

  constructor(array: OpenArray) {
    this.#array = array
  }

  add(k: number, operation: unknown): void {
    const name = `operations[${k}]`
    const { op, index, value, from, bits }: Fields = checkObject(name, operation, 'an operation')
    const kind = this.#kind(`${name}.op`, op)
    const at = k * OpvWord.numbers
    this.#numbers[at + OpvWord.kind] = kind
    if (kind === OpvKind.barrier) return
    this.#numbers[at + OpvWord.index] = this.#index(`${name}.index`, index)
    if (kind === OpvKind.copy) this.#numbers[at + OpvWord.from] = this.#index(`${name}.from`, from)
    else this.#values[k * OpvWord.values + OpvWord.value] = this.#operand(name, kind, value, bits)
  }

  #kind(field: string, op: unknown): OpvKind {
    if (typeof op !== 'string') throw typeError(field, `one of ${KINDS.join(', ')}`, op)
    if (!Object.hasOwn(OpvKind, op)) throw rangeError(field, `one of ${KINDS.join(', ')}`, op)
    const kind = OpvKind[op as keyof typeof OpvKind]
    const isForWholeNumbers = kind >= OpvKind.or && kind < OpvKind.barrier
    if (isForWholeNumbers && this.#array.element === 'f64') {
      throw rangeError(field, 'an operation for an f64 array (no bit operation, no shift)', op)
    }
    return kind
  }

  #index(field: string, index: unknown): number {
    return checkInteger(field, index, 0, this.#array.length - 1)
  }

  #operand(name: string, kind: OpvKind, value: unknown, bits: unknown): bigint {
    const { element } = this.#array
    const width = element === 'i32' ? 32 : 64
    if (kind === OpvKind.shiftLeft || kind === OpvKind.shiftRight) {
      return BigInt(checkInteger(`${name}.bits`, bits, 0, width - 1))
    }
    const field = `${name}.value`
    if (typeof value !== 'bigint' || element === 'f64')
      return toWord(element, checkWord(field, value, element))
    const [signed, unsigned] = [BigInt.asIntN(width, value), BigInt.asUintN(width, value)]
    if (value !== signed && value !== unsigned) throw rangeError(field, `a bigint of ${width} bits`, value)
    return signed
  }
}

/**
 * Runs up to 16 operations on one CPU's words, all or none of them. The name and the semantics are those of the `cpu_opv`
 * system call that was proposed for Linux and not merged.
 *
 * The call stops the CPU's words like {@link PerCpuArray.onCpu}, evaluates the vector on copies, and stores the results only
 * if every comparison held. So operations and owners of that CPU see all results or none. A concurrent
 * {@link PerCpuArray.get} may see some results before others. O(operations squared), plus some microseconds for a fence;
 * within `onCpu` of these words no fence is needed.
 *
 * @param array - the array to operate on.
 * @param cpu - 0 to `info().possibleCpus - 1`, or `'overflow'`; with the index `concurrency`, a concurrency id.
 * @param operations - at most 16 operations.
 * @returns -1 if everything was done; else the position of the comparison that failed, and then nothing was done.
 * @throws TypeError, RangeError that name the operation, its field and the value; Error as {@link PerCpuArray.onCpu};
 *   RegionCorruptError if something has written over the memory.
 *
 * @example
 * ```ts
 * // Moves 5 from word 0 of CPU 0 to word 1, if word 0 is 5.
 * cpuOpv(words, 0, [
 *   { op: 'compareEqual', index: 0, value: 5 },
 *   { op: 'add', index: 1, value: 5 },
 *   { op: 'store', index: 0, value: 0 },
 * ]) // -1: done
 * ```
 */
export function cpuOpv(array: PerCpuArray, cpu: ArrayShard, operations: readonly OpvOperation[]): number {
  const open = arrayOf('array', array)
  const shard = checkShard(cpu, open)
  if (!Array.isArray(operations)) throw typeError('operations', A_VECTOR, operations)
  const { length } = operations
  if (length > OPV_MOST) throw rangeError('operations', A_VECTOR, length)
  const encoder = new Encoder(open)
  for (let k = 0; k < length; k++) encoder.add(k, operations[k])
  const answer = backend.arrays.opv(open.handle, shard, encoder.bytes, length)
  if (answer < 0) throw arrayError(answer, open, shard)
  return answer === length ? -1 : answer
}
