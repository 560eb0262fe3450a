/**
 * The series of a metric in this thread, by their labels.
 *
 * @module
 */
import { NO_LABELS, checkLabels, labelKey } from './labels.js'

/** A series: its labels as they were first given, and its numbers. */
export interface Child<Numbers> {
  readonly labels: Readonly<Record<string, unknown>>
  numbers: Numbers
}

/** A cache of series: a map from the value of the first label to a map for the second label, and so on. */
type Level<C> = Map<unknown, Level<C> | C>

/** The most label sets of the cache, which starts anew beyond that. */
const MOST_CACHED = 20_000

/** Finds the series of label sets. `C` is the type of a series. */
export class Children<C extends Child<unknown>> {
  readonly #names: readonly string[]
  readonly #sorted: readonly string[]
  readonly #make: (labels: Readonly<Record<string, unknown>>) => C
  readonly #byKey = new Map<string, C>()
  /** The values of `#byKey`; null after a change. */
  #list: readonly C[] | null = null
  #cache: Level<C> = new Map()
  #cached = 0
  /** The series without labels, once {@link unlabelled} was called. */
  #single: C | undefined

  constructor(names: readonly string[], make: (labels: Readonly<Record<string, unknown>>) => C) {
    this.#names = names
    this.#sorted = [...names].sort()
    this.#make = make
  }

  /** The series without labels. */
  get unlabelled(): C {
    return (this.#single ??= this.find(NO_LABELS))
  }

  /** Returns the series if {@link find} has cached it for these values; it has exactly the metric's labels then. */
  cached(labels: object): C | undefined {
    const names = this.#names
    const { length } = names
    let given = 0
    // eslint-disable-next-line @typescript-eslint/no-unused-vars -- the labels are only counted here
    for (const _ in labels) given++
    if (given !== length) return undefined
    if (length === 0) return this.unlabelled
    let level: Level<C> | C = this.#cache
    for (let k = 0; k < length; k++) {
      const value = (labels as Record<string, unknown>)[names[k] as string]
      const next: Level<C> | C | undefined = (level as Level<C>).get(value)
      if (next === undefined) return undefined
      level = next
    }
    return level as C
  }

  /** Returns the series of these labels, and makes it if there is none. @throws Error for a label that the metric has not. */
  find(labels: Readonly<Record<string, unknown>>): C {
    checkLabels(this.#names, labels)
    const key = labelKey(this.#sorted, labels)
    let child = this.#byKey.get(key)
    if (child === undefined) {
      child = this.#make(labels)
      this.#byKey.set(key, child)
      this.#list = null
    }
    this.#remember(labels, child)
    return child
  }

  #remember(labels: Readonly<Record<string, unknown>>, child: C): void {
    const values = this.#names.map((name) => labels[name])
    if (values.length === 0 || values.some((value) => typeof value !== 'string' && typeof value !== 'number'))
      return
    if (this.#cached >= MOST_CACHED) this.#forgetCache()
    let level = this.#cache
    for (const value of values.slice(0, -1)) {
      const next = (level.get(value) ?? new Map()) as Level<C>
      level.set(value, next)
      level = next
    }
    const last = values.at(-1)
    if (!level.has(last)) this.#cached++
    level.set(last, child)
  }

  #forgetCache(): void {
    this.#cache = new Map()
    this.#cached = 0
    this.#single = undefined
  }

  /** Removes the series of these labels from this thread's list, and returns it. */
  remove(labels: Readonly<Record<string, unknown>>): C | undefined {
    checkLabels(this.#names, labels)
    const key = labelKey(this.#sorted, labels)
    const child = this.#byKey.get(key)
    this.#byKey.delete(key)
    this.#list = null
    this.#forgetCache()
    return child
  }

  /** All series in the order in which this thread met them. */
  all(): readonly C[] {
    return (this.#list ??= [...this.#byKey.values()])
  }
}
