/**
 * How objects of the public classes look to `console.log`, `JSON.stringify` and template strings.
 *
 * @module
 */
import { inspect } from 'node:util'

/** The key of the method that `util.inspect` calls; the method answers what {@link describe} returns. */
export const inspected: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** The key of the method that returns the content to show. It is a symbol so that it is no part of the public API. */
export const summary: unique symbol = Symbol('rseq: summary')

/** The options that `util.inspect` passes. Declared here because a program may compile without Node's types. */
export interface Inspection {
  stylize(text: string, style: 'special'): string
  readonly maxArrayLength?: number | null | undefined
}

/**
 * The text for `util.inspect`: the name of the class and its content.
 *
 * @param content - returns the content to show; called only if `depth` is 0 or more.
 * @param depth - levels left to show, as `util.inspect` passes them; null for all.
 */
export function describe(
  name: string,
  content: () => unknown,
  depth: number | null,
  options: Inspection,
): string {
  if (depth !== null && depth < 0) return options.stylize(`[${name}]`, 'special')
  return `${name} ${inspect(content(), { ...options, depth })}`
}

/** The most elements that a template string shows. */
const MOST_IN_TEXT = 3

/** Options of `inspect` for a text on one line, without colours. */
const ON_ONE_LINE = { stylize: (text: string): string => text, breakLength: Infinity, compact: 3 }

/** The content of an object, or the error that reading it has thrown. */
function shown(object: Described, most: number): object {
  try {
    return object[summary](most)
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** The base class of objects that show their content to `console.log`, `JSON.stringify` and template strings. */
export abstract class Described {
  /**
   * Returns the content to show. May throw, for example if the bytes of the region were overwritten.
   *
   * @param most - the most elements to show.
   * @internal
   */
  abstract [summary](most: number): object

  /**
   * Returns the configuration and the content of this object as a plain object, for `JSON.stringify`. Never throws: if the
   * memory is damaged or the object is closed, the result has the one property `error`, a string.
   */
  toJSON(): object {
    return shown(this, Infinity)
  }

  /** Returns the class and the content of this object on one line, with at most 3 elements of a list. Never throws. */
  toString(): string {
    return describe(this.constructor.name, () => shown(this, MOST_IN_TEXT), 1, ON_ONE_LINE)
  }

  /** @internal */
  [inspected](depth: number | null, options: Inspection): string {
    const most = options.maxArrayLength ?? Infinity
    return describe(this.constructor.name, () => shown(this, most), depth, options)
  }
}
