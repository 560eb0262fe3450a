/** The table of hot operations: the code generated from it is right, and each row has a test and a benchmark. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { nativeList, readOperations, scratchModule } from '../scripts/generate-operations.mjs'
import { machineWithSectionsOr } from './support/machine.js'

const table = readFileSync(new URL('../src/core/operations.ts', import.meta.url), 'utf8')
const rows = readOperations(table)

/** A table with one row. */
const tableOf = (row: string): string => `export interface Operations {\n  ${row}\n}`

describe('the table', () => {
  test.for(rows)('$name says which contender measures it, or why none does', ({ bench, unbenched }) => {
    expect([bench, unbenched].filter((tag) => tag !== undefined && tag !== '')).toHaveLength(1)
    // test/bench.test.ts looks whether there is such a contender.
  })

  // test/conversions.test.ts and test/tiers.test.ts run every row on the objects of operation-fixtures.mjs.
  test.for(rows)('$name has an object and arguments to be tested with', async (row, { skip }) => {
    await machineWithSectionsOr(skip)
    const { argumentsOf, fixtureOf } = await import('./support/operation-fixtures.mjs')
    expect(argumentsOf(row, fixtureOf(row.name).make('i64'))).toHaveLength(row.parameters.length)
  })

  test.for([
    ['readonly vectorPeek: (handle: Handle) => I32', 'no fixture for vectorPeek', 'vectorPeek'],
    [
      'readonly stackSwap: (handle: Handle, other: Handle) => I32',
      'no argument other for stackSwap',
      'stackSwap',
    ],
  ] as const)('a row without them is found: %s', async ([row, problem, name], { skip }) => {
    await machineWithSectionsOr(skip)
    const { argumentsOf, fixtureOf } = await import('./support/operation-fixtures.mjs')
    const [parsed] = readOperations(tableOf(row))
    expect(() => {
      const made = fixtureOf(name).make('i64')
      if (parsed !== undefined) argumentsOf(parsed, made)
    }).toThrow(problem)
  })
})

describe('the generated code', () => {
  test('a row becomes a callback in C++ and a wrapper with its scratch words', () => {
    const row = 'readonly stackPeek: (handle: Handle, depth: I32, scale: F64) => F64'
    const parsed = readOperations(tableOf(row))
    expect(nativeList(parsed)).toContain(
      'OPERATION(stack_peek, "stackPeek", double, (uint32_t, int32_t, double))',
    )
    expect(scratchModule(parsed)).toContain(`    stackPeek(handle, depth, scale): F64 {
      const a = +(handle as string | number), b = +(depth as string | number)
      scratch[2] = +(scale as string | number)
      words[2] = b
      words[0] = a
      stackPeek()
      return scratch[0] as F64
    },`)
  })

  test.for([
    ['readonly stackPeek: (handle: Handle, depth: number) => F64', 'stackPeek(depth)', 'number'],
    ['readonly stackPeek: (handle: Handle) => bigint', 'the answer of stackPeek', 'bigint'],
  ] as const)('a type that native code does not have is refused: %s', ([row, where, type]) => {
    expect(() => readOperations(tableOf(row))).toThrow(
      `src/core/operations.ts: ${where}: expected one of Handle, Act, Status, U32, I32, F64, got ${type}`,
    )
  })

  test('a module without the table is refused', () => {
    expect(() => readOperations('export interface Other {}')).toThrow(
      'expected an interface named Operations',
    )
  })
})
