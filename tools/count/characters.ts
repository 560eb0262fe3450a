/**
 * The effect of a character on words, by the rules of the known `wc` programs.
 *
 * @module
 */
import { ageOf } from './unicode-ages.js'

/** The rule by which a `wc` finds words. */
export interface WordRule {
  /** `bytes`: each byte is a character, as in the C locale. `utf-8`: as in a locale of that encoding. */
  readonly encoding: 'bytes' | 'utf-8'
  /**
   * The characters that words consist of. `printable` (GNU coreutils up to 9.4): a word begins at a
   * printable character; control characters and invalid bytes neither begin nor end a word.
   * `non-space` (later versions, and POSIX): every character that is no space belongs to a word.
   */
  readonly words: 'printable' | 'non-space'
  /** Whether no-break spaces end words, as they do in GNU `wc` unless POSIXLY_CORRECT is set. */
  readonly noBreakSpaces: boolean
  /** The number of Unicode versions after 14 that the C library knows; these are 15.0, 15.1, 16 and 17. */
  readonly newerUnicode: number
}

/**
 * The effect of a character, as bits, so that the loop over a text needs no branch. `word`: the
 * character begins or continues a word. `none`: it changes nothing. `newline`: it ends a line and a
 * word. `space`: it ends a word. `multibyte`: the byte is a part of a character of UTF-8.
 */
export const Effect = { space: 0, word: 1, none: 2, newline: 4, multibyte: 8 } as const

/** The characters beyond ASCII for which `iswspace` of glibc is true: Unicode's spaces that allow a line break. */
const SPACE = /^[\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]$/u
/** The spaces that GNU `wc` adds to these. */
const NO_BREAK_SPACE = /^[\u00a0\u2007\u202f\u2060]$/u
/** The characters for which `iswprint` of glibc is true, in Node's version of Unicode; see {@link ageOf} for others. */
const PRINTABLE = /^[^\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]$/u

const LAST_CODE_POINT = 0x10ffff

function isPrintable(character: string, codePoint: number, rule: WordRule): boolean {
  return ageOf(codePoint) <= rule.newerUnicode && PRINTABLE.test(character)
}

/** Returns the effect of a character beyond ASCII. The C library also decodes numbers beyond Unicode. */
export function effectOf(codePoint: number, rule: WordRule): number {
  if (codePoint > LAST_CODE_POINT) return effectOfInvalid(rule)
  const character = String.fromCodePoint(codePoint)
  if (rule.words === 'printable' && !isPrintable(character, codePoint, rule)) return Effect.none
  if (SPACE.test(character)) return Effect.space
  return rule.noBreakSpaces && NO_BREAK_SPACE.test(character) ? Effect.space : Effect.word
}

/** Returns the effect of a byte that is part of no character. */
export function effectOfInvalid(rule: WordRule): number {
  return rule.words === 'printable' ? Effect.none : Effect.word
}

/** Returns the effect of each byte. In UTF-8, bytes beyond ASCII are parts of characters. */
export function effectsOfBytes(rule: WordRule): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    if (byte === 0x0a) return Effect.newline
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) return Effect.space
    if (byte > 0x20 && byte < 0x7f) return Effect.word
    return byte >= 0x80 && rule.encoding === 'utf-8' ? Effect.multibyte : effectOfInvalid(rule)
  })
}

/**
 * Returns the rule of the present GNU `wc` in the environment's locale. It serves machines that have
 * no `wc`.
 */
export function ruleOfEnvironment(environment: NodeJS.ProcessEnv): WordRule {
  const { LC_ALL, LC_CTYPE, LANG, POSIXLY_CORRECT } = environment
  // Like the C library, this treats an empty variable as unset.
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '') ?? 'C'
  return {
    encoding: /utf-?8/i.test(locale) ? 'utf-8' : 'bytes',
    words: 'non-space',
    noBreakSpaces: POSIXLY_CORRECT === undefined,
    newerUnicode: 0,
  }
}
