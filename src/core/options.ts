/**
 * Reads options. Refuses unknown ones, so that a misspelt option is an error and not silently the default.
 *
 * @module
 */
import { inspect, types } from 'node:util'
import { checkObject, typeError } from './errors.js'

/** Edits (insertions, deletions, replacements of a character) that turn `from` into `to`. O(length x length). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, k) => k)
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1]
    for (let k = 0; k < to.length; k++) {
      const replaced = (row[k] as number) + (from[i] === to[k] ? 0 : 1)
      next.push(Math.min(replaced, (row[k + 1] as number) + 1, (next[k] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}

/** Names longer than this get no suggestion, which bounds the time that {@link editDistance} takes. */
const LONGEST_NAME = 64

/** The accepted name that is nearest to `name`, ignoring case; undefined if no name is near. */
function nearest(name: string, accepted: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME) return undefined
  let best: string | undefined
  let least = Infinity
  for (const candidate of accepted) {
    const [given, known] = [name.toLowerCase(), candidate.toLowerCase()]
    // A longer form of an accepted name, such as labelNames for labels.
    const isLonger = given.startsWith(known.replace(/s$/, ''))
    const edits = isLonger ? 1 : editDistance(given, known)
    const most = Math.max(2, Math.floor(Math.max(name.length, candidate.length) / 2))
    if (edits <= most && edits < least) [best, least] = [candidate, edits]
  }
  return best
}

/**
 * Whether `given` has a property itself or from its class. What only the last prototype has, `Object.prototype` in any realm,
 * is no option: otherwise a program that has written there by mistake would change all objects that it makes.
 */
function hasOption(given: object, name: string): boolean {
  let at = given
  while (!Object.hasOwn(at, name)) {
    const above = Object.getPrototypeOf(at) as object | null
    if (above === null) return false
    at = above
  }
  return at === given || Object.getPrototypeOf(at) !== null
}

/**
 * Checks that `options` is an object whose own enumerable string properties are all in `accepted`.
 *
 * @param what - the name of the argument, for messages, such as `options`.
 * @param accepted - the names of all options, in the order in which the message lists them.
 * @returns the options that were given, each read once, in an object without a prototype.
 * @throws TypeError if `options` is not an object, is an array or a buffer, or has another property. The message lists the
 *   accepted names and suggests the nearest.
 */
export function checkOptions<Options>(
  what: string,
  options: Options,
  accepted: readonly string[],
): Options & object {
  const list = accepted.join(', ')
  const expected = accepted.length === 0 ? 'an object without properties' : `an object with any of ${list}`
  const given: object = checkObject(what, options, expected)
  // The properties of arrays and buffers are elements, not options.
  const isMemory = ArrayBuffer.isView(given) || types.isAnyArrayBuffer(given)
  if (isMemory || Array.isArray(given)) throw typeError(what, expected, given)
  for (const name of Object.keys(given)) {
    if (accepted.includes(name)) continue
    const meant = nearest(name, accepted)
    const advice = meant === undefined ? '' : `; did you mean ${inspect(meant)}?`
    throw new TypeError(`${what}: expected ${expected}, got ${inspect(name)}${advice}`)
  }
  const read = Object.create(null) as Record<string, unknown>
  for (const name of accepted) {
    if (hasOption(given, name)) read[name] = (given as Readonly<Record<string, unknown>>)[name]
  }
  return read as Options & object
}
