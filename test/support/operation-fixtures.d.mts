import type { readOperations } from '../../scripts/generate-operations.mjs'

type Row = ReturnType<typeof readOperations>[number]
type Arguments = Readonly<Record<string, unknown>>

/** The objects that a row is tried on, and the arguments that it accepts, by the names of its parameters. */
export interface Fixture {
  readonly args: Arguments
  /** Arguments that must be 32-bit integers; they take the place of those in `args`. */
  readonly args32?: Arguments
  /** Arguments that may be any double; they take the place of those in `args`. */
  readonly args64?: Arguments
}

export function fixtureOf(row: string): { structure: string; make(element: 'i64' | 'f64'): Fixture }
export function argumentsOf(row: Pick<Row, 'name' | 'parameters'>, fixture: Fixture): unknown[]
