/**
 * What a character does to a word, by the rules of the `wc` programs that there are.
 *
 * @module
 */
import { ageOf } from './unicode-ages.js'

/** How words are told from one another. */
export interface WordRule {
  /** `bytes`: each byte is a character, as in the C locale. `utf-8`: as in a locale of that encoding. */
  readonly encoding: 'bytes' | 'utf-8'
  /**
   * What words are made of. `printable`: a word begins at a printable character; what is neither that
   * nor a space (controls, invalid bytes) is passed over. GNU coreutils up to 9.4. `non-space`:
   * whatever is no space belongs to a word. Later versions, and POSIX.
   */
  readonly words: 'printable' | 'non-space'
  /** No-break spaces end words, as GNU has it unless POSIXLY_CORRECT is set. */
  readonly noBreakSpaces: boolean
  /** How many versions of Unicode after 14 the C library knows: 15.0, 15.1, 16, 17. */
  readonly newerUnicode: number
}

/**
 * The effect of a character, as bits, so that the loop over a text needs no branch: it begins or
 * continues a word; it leaves things as they are; it ends a line. A space has none of them.
 */
export const Effect = { space: 0, word: 1, none: 2, newline: 4, multibyte: 8 } as const

/** `iswspace` of glibc beyond ASCII: the spaces of Unicode that one may break a line at. */
const SPACE = /^[\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]$/u
/** What GNU `wc` adds to them. */
const NO_BREAK_SPACE = /^[\u00a0\u2007\u202f\u2060]$/u
/** `iswprint` of glibc, which equals this over all code points; see {@link ageOf} for the version. */
const PRINTABLE = /^[^\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]$/u

const LAST_CODE_POINT = 0x10ffff

function isPrintable(character: string, codePoint: number, rule: WordRule): boolean {
  return ageOf(codePoint) <= rule.newerUnicode && PRINTABLE.test(character)
}

/** The effect of a character of UTF-8 beyond ASCII. C libraries decode numbers beyond Unicode as well. */
export function effectOf(codePoint: number, rule: WordRule): number {
  if (codePoint > LAST_CODE_POINT) return effectOfInvalid(rule)
  const character = String.fromCodePoint(codePoint)
  if (rule.words === 'printable' && !isPrintable(character, codePoint, rule)) return Effect.none
  if (SPACE.test(character)) return Effect.space
  return rule.noBreakSpaces && NO_BREAK_SPACE.test(character) ? Effect.space : Effect.word
}

/** The effect of a byte that is part of no character. */
export function effectOfInvalid(rule: WordRule): number {
  return rule.words === 'printable' ? Effect.none : Effect.word
}

/** The effect of each byte; in UTF-8, those beyond ASCII are parts of characters. */
export function effectsOfBytes(rule: WordRule): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    if (byte === 0x0a) return Effect.newline
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) return Effect.space
    if (byte > 0x20 && byte < 0x7f) return Effect.word
    return byte >= 0x80 && rule.encoding === 'utf-8' ? Effect.multibyte : effectOfInvalid(rule)
  })
}

/**
 * The rule of the present GNU `wc` in the locale that the environment asks for: where there is no
 * `wc` that could be asked.
 */
export function ruleOfEnvironment(environment: NodeJS.ProcessEnv): WordRule {
  const { LC_ALL, LC_CTYPE, LANG, POSIXLY_CORRECT } = environment
  // As for the C library, an empty variable is an unset one.
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '') ?? 'C'
  return {
    encoding: /utf-?8/i.test(locale) ? 'utf-8' : 'bytes',
    words: 'non-space',
    noBreakSpaces: POSIXLY_CORRECT === undefined,
    newerUnicode: 0,
  }
}
