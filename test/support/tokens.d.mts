/**
 * Things that threads take out of a structure and put back, to see that each is there once.
 *
 * @module
 */
export interface Tokens {
  /** Who has each of them: 0 for nobody. */
  readonly holders: Int32Array
  /** How often one was in two hands. */
  readonly twice: Int32Array
}

/** Tokens 1 to `count`. */
export function makeTokens(count: number): Tokens
/** Notes that `who` has taken a token. */
export function hold(tokens: Tokens, token: number, who: number): void
/** To be called before a token is put back. */
export function release(tokens: Tokens, token: number, who: number): void
/** The faults in the final contents: values that are no tokens, duplicated tokens, and lost tokens. */
export function judge(tokens: Tokens, found: number[]): { foreign: number; twice: number; missing: number }
