/**
 * The columns that living processes have in memory that they share. A gauge has a value for each process; the value of a
 * process is in the process's column.
 *
 * A process has the least column that no living process has, so there are as many columns in use as there were processes at one
 * time. The word of a column is the note that names its process (`native/percpu/service.h`). Who takes the column of a dead
 * process first clears its gauges; until then they are not shown, as the process is dead. Columns are taken under the service's
 * lock.
 *
 * @module
 */
import type { Membership } from '../shared/shared-directory.js'

/** What it takes to take a column. */
export type JoinBy = Pick<Membership, 'exclusively' | 'note'>

/** The columns of a memory, as one thread sees them. */
export class ProcessColumns {
  readonly #membership: Pick<Membership, 'livingNotes'>
  readonly #columns: Int32Array
  #own = -1
  #living: readonly number[] = []

  /** @param columns - the words of the columns in shared memory. */
  constructor(membership: Pick<Membership, 'livingNotes'>, columns: Int32Array) {
    this.#membership = membership
    this.#columns = columns
  }

  /** The column of this process; -1 before it has one. */
  get own(): number {
    return this.#own
  }

  /** The columns of living processes at the time of the last {@link look}, in their order. */
  get living(): readonly number[] {
    return this.#living
  }

  /** Looks which processes live. O(columns in use), with a few system calls for each. */
  look(): void {
    const taken = [...this.#columns.entries()].filter(([, note]) => note !== 0)
    const living = this.#membership.livingNotes(taken.map(([, note]) => note))
    this.#living = taken.filter(([, note]) => living.has(note)).map(([column]) => column)
  }

  /** Uses the column that another thread of this process has taken. Returns false if there is none. */
  find(note: number): boolean {
    this.#own = note === 0 ? -1 : this.#columns.indexOf(note)
    this.look()
    return this.#own !== -1
  }

  /**
   * Takes a column for this process, unless one of its threads has done so.
   *
   * @param prepare - is called before the column is this process's; `isUsed`: a dead process may have left gauges in it.
   * @throws Error if living processes have all columns.
   */
  join(
    { exclusively, note }: Pick<Membership, 'exclusively' | 'note'>,
    prepare: (column: number, isUsed: boolean) => void,
  ): void {
    exclusively(() => {
      const name = note()
      if (this.find(name)) return
      const column = this.#columns.findIndex((_, at) => !this.#living.includes(at))
      if (column === -1) {
        const { length } = this.#columns
        throw new Error(`rseq: living processes have all ${length} columns for the gauges of processes`)
      }
      prepare(column, this.#columns[column] !== 0)
      Atomics.store(this.#columns, column, name)
      this.#own = column
    })
    this.look()
  }
}

/** The processes that share a memory of metrics, and what they have updated, as readers see them. */
export interface SeenMembers {
  readonly columns: Pick<ProcessColumns, 'own' | 'living'>
  /** The number of columns. */
  readonly count: number
  readonly states: Uint8Array
}

/** The processes that share a memory of metrics, in a thread that updates it. */
export interface Members extends SeenMembers {
  readonly columns: ProcessColumns
}
