import { inspect } from 'node:util'
import { type Inspection, describe, inspected } from '../core/describe.js'
import { rangeError, typeError } from '../core/errors.js'
import type { LabelTable } from './label-table.js'
import type { Instrument } from './instruments.js'
import { type LabelSpec, type LabelValue, OVERFLOW, UNSPEAKABLE } from './schema.js'

/** Returns labels in Prometheus's notation, such as `{method="GET"}`. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}=${JSON.stringify(text)}`)
  return `{${pairs.join(',')}}`
}

/** The methods of metrics without labels, which metrics with labels do not have. */
const OF_SERIES = ['inc', 'dec', 'set', 'setToCurrentTime', 'observe', 'startTimer'] as const

/** A series, and its label values as text. */
interface ListedSeries {
  readonly series: number
  readonly labels: readonly string[]
}

/** The parts of a metric with labels. */
interface LabelledParts<Child> {
  /** The key of the metric in the schema. */
  readonly key: string
  readonly specs: readonly LabelSpec[]
  readonly table: LabelTable
  /** Makes the counter, gauge or histogram of a series. */
  readonly make: (series: number) => Child
  /** Lists the series that exist and are shown. */
  readonly list: () => Iterable<ListedSeries>
}

/** A cache of series: a map from the value of the first label to a map for the second label, and so on. */
type Level<Child> = Map<unknown, Level<Child> | Child>

/**
 * A metric with labels: {@link labels} gives the series of a set of label values.
 *
 * The first call of {@link labels} in any thread makes a series, which then stays. When the metric has as many series as
 * its schema allows, later label sets share one series, whose labels are all `__overflow__`.
 */
export class Labelled<Labels, Child> {
  readonly #key: string
  readonly #names: readonly string[]
  readonly #specs: readonly LabelSpec[]
  readonly #table: LabelTable
  readonly #make: (series: number) => Child
  readonly #list: () => Iterable<ListedSeries>
  readonly #children = new Map<number, Child>()
  #found: Level<Child> = new Map()
  /** The number of label sets in `#found`. A series may have several: 200 and '200' are two keys for one series. */
  #size = 0

  static {
    // These methods are not declared, so TypeScript rejects a call; JavaScript gets an error that names the remedy.
    for (const method of OF_SERIES) {
      const value = function (this: Labelled<unknown, unknown>): never {
        throw this.#needsLabels(`${method}()`)
      }
      Object.defineProperty(this.prototype, method, { value })
    }
    Object.defineProperty(this.prototype, 'value', {
      get(this: Labelled<unknown, unknown>): never {
        throw this.#needsLabels('value')
      },
    })
  }

  /** @internal */
  constructor({ key, specs, table, make, list }: LabelledParts<Child>) {
    this.#key = key
    this.#specs = specs
    this.#names = specs.map(({ name }) => name)
    this.#table = table
    this.#make = make
    this.#list = list
  }

  #needsLabels(member: string): TypeError {
    const metric = `metrics.${this.#key}`
    const names = this.#names.map((name) => `${name}: ...`).join(', ')
    return new TypeError(
      `${this.#key}: this metric has the labels ${this.#names.join(', ')}: ` +
        `expected ${metric}.labels({ ${names} }).${member}, got ${metric}.${member}`,
    )
  }

  /**
   * Iterates over the series that any thread has made, with their label values as text. The overflow series is included only
   * if it is not 0. O(room for series).
   */
  *[Symbol.iterator](): Generator<
    [labels: Readonly<Record<string, string>>, series: Child],
    void,
    undefined
  > {
    for (const { series, labels } of this.#list()) {
      yield [
        Object.fromEntries(this.#names.map((name, k) => [name, labels[k] as string])),
        this.#childOf(series),
      ]
    }
  }

  /** Returns the labels and the value of every series. O(room for series). */
  toJSON(): {
    /** The label values as text, by the names of the labels. */
    labels: Readonly<Record<string, string>>
    /** The value of the series. */
    value: unknown
  }[] {
    return Array.from(this, ([labels, child]) => ({ labels, value: (child as Instrument).value }))
  }

  /** Returns one line of text for each series. */
  toString(): string {
    return Array.from(this, ([labels, child]) => `${labelText(labels)} ${String(child)}`).join('\n')
  }

  /** @internal */
  [inspected](depth: number, options: Inspection): string {
    const content = (): unknown => new Map(Array.from(this, ([labels, child]) => [labelText(labels), child]))
    return describe(`Labelled(${this.#key})`, content, depth, options)
  }

  /**
   * Returns the series of these label values. Each thread makes one object for a series and returns it again in later calls.
   * The first call looks the values up in the shared table; later calls look up one value for each label in a cache of the
   * thread. Code that updates a series often should keep the object.
   *
   * @param values - one value for each label: a string, number or boolean. 200 and '200' give one series. In strings, U+FFFD
   *   replaces U+0000 and unpaired surrogates, which cannot be exposed.
   * @throws TypeError if a value is missing or has another type, or if the schema has no label with a given name.
   * @throws RangeError if the schema lists the values of a label and the value is not among them.
   */
  labels(values: Labels): Child {
    const names = this.#names
    let found: Level<Child> | Child | undefined = this.#found
    try {
      for (let k = 0; k < names.length && found !== undefined; k++) {
        found = (found as Level<Child>).get((values as Record<string, unknown>)[names[k] as string])
      }
    } catch {
      // `values` is null or undefined: #resolve() throws the error for it.
      found = undefined
    }
    return found === undefined ? this.#resolve(values) : (found as Child)
  }

  /** Checks label values and returns them as text. */
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
    // Label sets without their own series are not cached, because their number has no limit.
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
