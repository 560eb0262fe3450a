/**
 * Texts that are hard to count.
 *
 * @module
 */

/** A small generator of numbers, the same in each run. */
export function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Bytes that are nearly UTF-8: parts of characters, controls, spaces of all kinds, in any order. */
export function nastyBytes(size: number, random: (below: number) => number): Buffer {
  const parts = Buffer.from('a\n \x00\x01\x7fé\u00a0\u2003\u2028\u200b\ud7ff\ufeff😀\u{10ffff}')
  const others = Buffer.from([0xe2, 0x80, 0xed, 0xa0, 0xc0, 0xf0, 0xf4, 0xf8, 0xfc, 0xfe, 0xff])
  const pool = Buffer.concat([parts, others])
  return Buffer.from(Array.from({ length: size }, () => pool[random(pool.length)] as number))
}

/** Text of characters from everywhere in Unicode, some of them assigned in no version of it. */
export function anyText(length: number, random: (below: number) => number): string {
  const ranges = [0x80, 0x3100, 0x1fb00, 0x110000]
  const characters = Array.from({ length }, () => {
    const codePoint = random(ranges[random(ranges.length)] as number)
    return codePoint >= 0xd800 && codePoint < 0xe000 ? ' ' : String.fromCodePoint(codePoint)
  })
  return characters.join('')
}

const PIECE = 256 * 1024

/** The files that are counted here, each with a difficulty of its own. */
export function fixtures(): Record<string, string | Buffer> {
  const random = generator(1)
  return {
    'plain.txt': 'one two\nthree\n',
    'with space in its name.txt': 'a b c\n',
    empty: '',
    'no newline at the end': 'the last line is none',
    'spaces of all kinds.txt': ' a\tb\vc\fd\re\n\n\u00a0f\u2003g\u2028h\u202fi\u2060j\u3000k\u0085l ',
    'utf-8.txt': 'Grüße, 世界! Ёлка 😀 e\u0301 \u200b\n',
    'binary.bin': Buffer.from(Array.from({ length: 70_000 }, () => random(256))),
    'nasty.bin': nastyBytes(70_000, random),
    'anything.txt': anyText(20_000, random),
    'huge line.txt': 'word '.repeat(100_000),
    // A word and a character of several bytes lie across the end of the first piece that is read.
    'across.txt': `${' '.repeat(PIECE - 3)}word ${' '.repeat(PIECE - 3)}€ ${'\n'.repeat(PIECE)}`,
    'cut at the end.txt': Buffer.from([0x61, 0x20, 0xe2, 0x82]),
    '-starts-with-a-dash': 'x\n',
    'line\nbreak in its name': 'y\n',
  }
}
