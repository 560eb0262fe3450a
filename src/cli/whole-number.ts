/**
 * Options that are whole numbers.
 *
 * @module
 */
import { InvalidArgumentError } from 'commander'

/** Returns a parser of an option that is a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (given: string) => number {
  return (given) => {
    const number = Number(given)
    if (/^\d+$/.test(given) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`)
  }
}
