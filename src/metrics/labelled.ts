import { inspect } from 'node:util'
import { rangeError, typeError } from '../errors.js'
import type { LabelTable } from './label-table.js'
import { type LabelSpec, type LabelValue, OVERFLOW } from './schema.js'

/** What Prometheus cannot read: half a surrogate pair has no UTF-8, and 0 ends its text. */

const UNSPEAKABLE = /[\u0000\p{Surrogate}]/gu

/** The series found so far, by the value of the first label, then of the second, and so on. */
type Level<Child> = Map<unknown, Level<Child> | Child>

/**
 * A metric with labels: {@link labels} gives the series of a set of label values.
 *
 * A series begins when any thread asks for it first, and stays. When there are as many as the schema
 * has room for, later label sets share one series, whose labels are all `__overflow__`.
 */
export class Labelled<Labels, Child> {
  readonly #names: readonly string[]
  readonly #specs: readonly LabelSpec[]
  readonly #table: LabelTable
  readonly #make: (series: number) => Child
  readonly #children = new Map<number, Child>()
  #found: Level<Child> = new Map()
  /** Label sets in `#found`: more than one for each series, as 200 and '200' are the same. */
  #size = 0

  /**
   * @internal
   * @param make - makes what counts in a series of that number.
   */
  constructor(specs: readonly LabelSpec[], table: LabelTable, make: (series: number) => Child) {
    this.#specs = specs
    this.#names = specs.map(({ name }) => name)
    this.#table = table
    this.#make = make
  }

  /**
   * The series of these label values: the same object each time. Found in this thread's cache by a look-up for
   * each label; the first time in the shared table. Worth keeping where it is used often.
   *
   * @param values - one for each label: strings, numbers or booleans; 200 and '200' are the same. In strings,
   * U+FFFD takes the place of U+0000 and of unpaired surrogates, which cannot be exposed.
   * @throws TypeError if one is missing or something else, or if there is one that the schema has not.
   * @throws RangeError if one is not among the values that the schema knows.
   */
  labels(values: Labels): Child {
    const names = this.#names
    let found: Level<Child> | Child | undefined = this.#found
    for (let k = 0; k < names.length; k++) {
      found = (found as Level<Child>).get((values as Record<string, unknown>)[names[k] as string])
      if (found === undefined) return this.#resolve(values)
    }
    return found as Child
  }

  /** The label values as text, checked. */
  #textsOf(values: Labels): string[] {
    if (typeof values !== 'object' || values === null) {
      throw typeError('labels', `an object with ${this.#names.join(', ')}`, values)
    }
    const given = values as Readonly<Record<string, LabelValue>>
    const surplus = Object.keys(given).find((name) => !this.#names.includes(name))
    if (surplus !== undefined) {
      throw new TypeError(`labels: expected ${this.#names.join(', ')}, got ${inspect(surplus)} as well`)
    }
    return this.#specs.map(({ name, known }) => {
      const value = given[name]
      if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
        throw typeError(`labels.${name}`, 'a string, number or boolean', value)
      }
      const text = String(value).replace(UNSPEAKABLE, '\ufffd')
      if (known !== null && !known.includes(text))
        throw rangeError(`labels.${name}`, known.join(' or '), value)
      return text
    })
  }

  #resolve(values: Labels): Child {
    const texts = this.#textsOf(values)
    const isOverflow = texts.every((text) => text === OVERFLOW)
    const series = isOverflow ? -1 : this.#table.find(texts)
    const child = this.#childOf(series === -1 ? this.#table.slots : series)
    // What has no series of its own is no more worth remembering: there is no end of such label sets.
    if (series !== -1) this.#remember(values as Readonly<Record<string, unknown>>, child)
    return child
  }

  #childOf(series: number): Child {
    const child = this.#children.get(series) ?? this.#make(series)
    this.#children.set(series, child)
    return child
  }

  #remember(values: Readonly<Record<string, unknown>>, child: Child): void {
    if (this.#size >= 4 * this.#table.slots) {
      this.#found = new Map()
      this.#size = 0
    }
    let level = this.#found
    const last = this.#names.length - 1
    for (const name of this.#names.slice(0, last)) {
      const next = (level.get(values[name]) ?? new Map()) as Level<Child>
      level.set(values[name], next)
      level = next
    }
    level.set(values[this.#names[last] as string], child)
    this.#size++
  }
}
