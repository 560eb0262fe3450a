/**
 * The hot operations on arrays through Node-API: arguments into the scratch array, a call without arguments, the
 * answer from element 0. See native-backend.ts.
 *
 * @module
 */
import type { NativeBinding } from './native.js'
import type { Operations } from './operations.js'

/** JavaScript's own conversion, which refuses what V8's refuses. Of a number, optimized code makes nothing. */
export const toNumber = (value: unknown): number => +(value as string)

type ArrayOperationNames = Extract<keyof Operations, `array${string}`>

export function scratchArrayOperations({
  scratch,
  operations,
}: NativeBinding): Pick<Operations, ArrayOperationNames> {
  const { arrayAct, arrayActOn, arrayTryAddInt32, arrayTryAdd } = operations
  const { arrayTryExchange, arrayTryCompareExchange, arrayTryLoad } = operations
  // Integers go into the first half of an element: element k of `scratch` is word 2k.
  const words = new Int32Array(scratch.buffer)
  return {
    arrayAct(array, act, i, operand, expected): number {
      const first = toNumber(array)
      const second = toNumber(act)
      const third = toNumber(i)
      const fourth = toNumber(operand)
      const fifth = toNumber(expected)
      words[0] = first
      words[2] = second
      words[4] = third
      scratch[3] = fourth
      scratch[4] = fifth
      arrayAct()
      return scratch[0] as number
    },
    arrayActOn(array, shard, act, i, operand, expected): number {
      const first = toNumber(array)
      const second = toNumber(shard)
      const third = toNumber(act)
      const fourth = toNumber(i)
      const fifth = toNumber(operand)
      const sixth = toNumber(expected)
      words[0] = first
      words[2] = second
      words[4] = third
      words[6] = fourth
      scratch[4] = fifth
      scratch[5] = sixth
      arrayActOn()
      return scratch[0] as number
    },
    arrayTryAddInt32(array, i, delta): number {
      const first = toNumber(array)
      const second = toNumber(i)
      const third = toNumber(delta)
      words[0] = first
      words[2] = second
      words[4] = third
      arrayTryAddInt32()
      return scratch[0] as number
    },
    arrayTryAdd(array, i, delta): number {
      const first = toNumber(array)
      const second = toNumber(i)
      const third = toNumber(delta)
      words[0] = first
      words[2] = second
      scratch[2] = third
      arrayTryAdd()
      return scratch[0] as number
    },
    arrayTryExchange(array, i, value): number {
      const first = toNumber(array)
      const second = toNumber(i)
      const third = toNumber(value)
      words[0] = first
      words[2] = second
      scratch[2] = third
      arrayTryExchange()
      return scratch[0] as number
    },
    arrayTryCompareExchange(array, i, expected, desired): number {
      const first = toNumber(array)
      const second = toNumber(i)
      const third = toNumber(expected)
      const fourth = toNumber(desired)
      words[0] = first
      words[2] = second
      scratch[2] = third
      scratch[3] = fourth
      arrayTryCompareExchange()
      return scratch[0] as number
    },
    arrayTryLoad(array, i): number {
      const first = toNumber(array)
      const second = toNumber(i)
      words[0] = first
      words[2] = second
      arrayTryLoad()
      return scratch[0] as number
    },
  }
}
