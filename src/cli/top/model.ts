/**
 * What `rseq top` knows: the last two looks at a service, and what the user has chosen to see of them.
 *
 * @module
 */
import type { ObjectSnapshot, ServiceSnapshot } from '../../inspect/index.js'

/** What objects can be sorted by, in the order in which a key goes through them. */
export const SORTS = ['rate', 'total', 'name', 'kind', 'size'] as const
export type Sort = (typeof SORTS)[number]

/** An object, and how it has changed since the look before. */
export interface Row {
  readonly object: ObjectSnapshot
  /** Null if there is none, such as that of a damaged file. */
  readonly total: number | null
  /** Growth of the total in a second; null if it is not known yet. */
  readonly rate: number | null
  /** The share of each CPU in that growth or, if nothing has grown, in the total. */
  readonly perCpu: readonly number[]
  /** The overflow shard's share. */
  readonly overflow: number
}

/** What the user has chosen. */
export interface Choice {
  readonly sort: Sort
  readonly isReversed: boolean
  /** Part of the names or the kinds of the objects that are shown, in any case. */
  readonly filter: string
}

/** Compares two numbers, the greater first and an unknown one last. */
function byNumber(one: number | null, other: number | null): number {
  return (other ?? -Infinity) - (one ?? -Infinity) || 0
}

const NAMES = new Intl.Collator('en', { numeric: true })

const COMPARE: Readonly<Record<Sort, (one: Row, other: Row) => number>> = {
  rate: (one, other) => byNumber(one.rate, other.rate),
  total: (one, other) => byNumber(one.total, other.total),
  name: () => 0,
  kind: (one, other) => NAMES.compare(one.object.kind, other.object.kind),
  size: (one, other) => other.object.allocated - one.object.allocated,
}

/** Objects in the order that was chosen; those that are equal in it, by their names. */
export function choose(rows: readonly Row[], { sort, isReversed, filter }: Choice): Row[] {
  const part = filter.toLowerCase()
  const shown = rows.filter(
    ({ object }) => object.name.toLowerCase().includes(part) || object.kind.toLowerCase().includes(part),
  )
  const sign = isReversed ? -1 : 1
  return shown.sort(
    (one, other) => sign * (COMPARE[sort](one, other) || NAMES.compare(one.object.file, other.object.file)),
  )
}

function rowOf(object: ObjectSnapshot, before: ObjectSnapshot | undefined, seconds: number): Row {
  if (object.content === 'unknown') return { object, total: null, rate: null, perCpu: [], overflow: 0 }
  const { total, perCpu, overflow } = object
  const all = { object, total, rate: null, perCpu, overflow }
  // A file of the same name that was made anew is another object.
  const isSame =
    before !== undefined && before.content === object.content && before.made === object.made && seconds > 0
  if (!isSame || total === null || before.total === null) return all
  const grown = perCpu.map((share, cpu) => Math.max(0, share - (before.perCpu[cpu] ?? 0)))
  const rate = (total - before.total) / seconds
  if (!grown.some((share) => share > 0)) return { ...all, rate }
  return { object, total, rate, perCpu: grown, overflow: Math.max(0, overflow - before.overflow) }
}

/** A service as it was at the last look. */
export class Model {
  #last: ServiceSnapshot | undefined
  #rows: readonly Row[] = []
  #problem: string | undefined

  /** The last snapshot; undefined before the first. */
  get snapshot(): ServiceSnapshot | undefined {
    return this.#last
  }

  get rows(): readonly Row[] {
    return this.#rows
  }

  /** Why the last look failed; undefined if it did not. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Takes the next snapshot. */
  take(snapshot: ServiceSnapshot): void {
    const before = new Map(this.#last?.objects.map((object) => [object.file, object]))
    const seconds = (snapshot.at - (this.#last?.at ?? snapshot.at)) / 1000
    this.#rows = snapshot.objects.map((object) => rowOf(object, before.get(object.file), seconds))
    this.#last = snapshot
    this.#problem = undefined
  }

  /** Notes that a look failed. What the last one that succeeded saw stays. */
  fail(problem: string): void {
    this.#problem = problem
  }
}
