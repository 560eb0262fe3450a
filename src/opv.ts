/**
 * Vectors of operations: `cpu_opv`.
 *
 * @module
 */
import { PerCpuArray } from './array.js'
import { type ArrayShard, arrayError, arrayOf, checkShard, checkWord } from './array-words.js'
import { type OpenArray, backend } from './backend.js'
import { checkInteger, checkObject, rangeError, typeError } from './errors.js'
import { OPV_MOST, OpvKind, OpvWord } from './layout.js'
import { toWord } from './word-bits.js'

/**
 * One operation of a vector, on word `index`.
 *
 * `compareEqual` and `compareNotEqual` end the vector where they do not hold. `store` and `copy` (from the word `from`)
 * replace the word; `add` adds as {@link PerCpuArray.add}. `or`, `and`, `xor` and the shifts are for whole numbers;
 * `shiftRight` brings zeroes from the left. Who reads the words on another CPU sees what stands before a `barrier` if
 * it sees anything after it.
 *
 * A `value` is a number that the array's element takes; for whole numbers a bigint, too, of as many bits.
 */
export type OpvOperation =
  | {
      readonly op: 'compareEqual' | 'compareNotEqual' | 'store' | 'add' | 'or' | 'and' | 'xor'
      readonly index: number
      readonly value: number | bigint
    }
  | { readonly op: 'copy'; readonly index: number; readonly from: number }
  | { readonly op: 'shiftLeft' | 'shiftRight'; readonly index: number; readonly bits: number }
  | { readonly op: 'barrier' }

const KINDS = Object.keys(OpvKind).map((name) => `'${name}'`)
const A_VECTOR = `an array of at most ${OPV_MOST} operations such as { op: 'add', index: 0, value: 1 }`

/** The fields of an operation, before they are checked. */
type Fields = Partial<Record<'op' | 'index' | 'value' | 'from' | 'bits', unknown>>

/** Checks a vector, and writes it as `native/percpu/opv.h` reads it. */
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
      throw rangeError(field, 'an operation that an f64 array has (no bits, no shifts)', op)
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
 * Runs up to 16 operations on one CPU's words, all or nothing: what was once proposed for the kernel as `cpu_opv`.
 *
 * The CPU's words are stopped as by {@link PerCpuArray.onCpu}, the vector is evaluated on copies, and its results are
 * stored only if every comparison held. So no operation on that CPU, and no owner of it, sees a part of the vector. Who
 * reads the words by {@link PerCpuArray.get} meanwhile may see some results and not yet others. O(operations
 * squared), and the microseconds of a fence; within `onCpu` of the same words no fence is needed.
 *
 * @param cpu - 0 to `info().possibleCpus - 1`, or `'overflow'`.
 * @returns -1 if all was done; else the position of the comparison that failed, and then nothing was.
 * @throws TypeError, RangeError naming the operation, its field and the value; Error as `onCpu`; RegionCorruptError if
 *   something has written over the memory.
 *
 * @example
 * ```ts
 * // Moves 5 from one word of CPU 0 to another, if it is there.
 * cpuOpv(words, 0, [
 *   { op: 'compareEqual', index: 0, value: 5 },
 *   { op: 'add', index: 1, value: 5 },
 *   { op: 'store', index: 0, value: 0 },
 * ]) // -1: done
 * ```
 */
export function cpuOpv(array: PerCpuArray, cpu: ArrayShard, operations: readonly OpvOperation[]): number {
  const open = arrayOf(array)
  if (open === undefined) throw typeError('array', 'a PerCpuArray', array)
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
