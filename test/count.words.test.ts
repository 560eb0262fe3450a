import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RIDDLE, askWc, countText, ruleOf } from '../build/tools/count/wc.js'
import { TextCounter } from '../build/tools/count/words.js'
import { LOCALES, environment, parseTotals } from './cli/command.js'
import { anyText, generator, nastyBytes } from './cli/texts.js'

describe('the rules of words', () => {
  it.each(LOCALES.flatMap((locale) => [{ locale }, { locale, POSIXLY_CORRECT: '1' }]))(
    'equal those of the wc of this machine, file by file: %j',
    ({ locale, ...changes }) => {
      const random = generator(7)
      const contents = Array.from({ length: 60 }, (_, i) =>
        i % 2 === 0
          ? nastyBytes([20, 300, 40_000][i % 3] as number, random)
          : Buffer.from(anyText([10, 200, 20_000][i % 3] as number, random)),
      )
      const directory = mkdtempSync(join(tmpdir(), 'rseq-words-'))
      onTestFinished(() => {
        rmSync(directory, { recursive: true })
      })
      contents.forEach((content, i) => {
        writeFileSync(join(directory, `${i}`.padStart(3, '0')), content)
      })
      const files = readdirSync(directory)
        .sort()
        .map((name) => join(directory, name))
      const env = environment({ LC_ALL: locale, ...changes })
      const { rule } = askWc(env)
      if (rule === null) throw new Error('the wc of this machine follows no rule that is known')
      const counter = new TextCounter(rule)
      const ours = contents.map((bytes) => {
        counter.begin()
        // Cut into pieces anywhere, also inside characters.
        for (let from = 0; from < bytes.length;) {
          const piece = bytes.subarray(from, from + 1 + random(5000))
          counter.count(piece, piece.length)
          from += piece.length
        }
        counter.end()
        return { lines: counter.lines, words: counter.words, bytes: bytes.length }
      })
      const { stdout } = spawnSync('wc', files, { encoding: 'utf8', env })
      const theirs = stdout.split('\n').slice(0, files.length).map(parseTotals)
      expect(ours).toEqual(theirs)
    },
  )

  const utf8 = { encoding: 'utf-8', words: 'non-space', noBreakSpaces: true, newerUnicode: 4 } as const

  it.each([
    ['\x01', 1, 0, 1, 0],
    ['é', 1, 1, 1, 0],
    ['a\u2003b', 2, 2, 1, 1],
    ['a\u00a0b', 2, 2, 1, 1],
    ['a\u2028b', 2, 1, 1, 1],
    ['a \u0085 b', 3, 2, 3, 2],
    ['a\tb\vc\fd\re\nf', 6, 6, 6, 6],
    ['\u{1fae8} \u{1faea}', 2, 2, 2, 0],
  ])('count %j', (text, nonSpace, printable, nonSpaceBytes, printableBytes) => {
    const words = (changes: object): number => countText(text, { ...utf8, ...changes }).words
    expect(words({})).toBe(nonSpace)
    expect(words({ words: 'printable' })).toBe(printable)
    expect(words({ encoding: 'bytes' })).toBe(nonSpaceBytes)
    expect(words({ encoding: 'bytes', words: 'printable' })).toBe(printableBytes)
  })

  it('take no-break spaces and young characters as the C library does', () => {
    expect(countText('a\u00a0b', { ...utf8, noBreakSpaces: false }).words).toBe(1)
    const young = { ...utf8, words: 'printable', newerUnicode: 1 } as const
    expect(countText('\u{1fae8} \u{1faea}', young).words).toBe(1)
  })

  it('take a character that the end cuts for invalid bytes', () => {
    const counter = new TextCounter(utf8)
    const bytes = Buffer.from([0x20, 0xe2, 0x82])
    counter.begin()
    counter.count(bytes, bytes.length)
    counter.end()
    expect(counter.words).toBe(1)
  })

  it('are told from one another by the answer to one riddle', () => {
    const rules = [0, 1, 2, 3, 4].flatMap((newerUnicode) =>
      [true, false].flatMap((noBreakSpaces) => [
        { ...utf8, words: 'printable', noBreakSpaces, newerUnicode } as const,
        { ...utf8, noBreakSpaces } as const,
      ]),
    )
    for (const rule of rules) expect(ruleOf(countText(RIDDLE, rule))).toEqual(rule)
    for (const words of ['printable', 'non-space'] as const) {
      const rule = { ...utf8, encoding: 'bytes', words } as const
      expect(ruleOf(countText(RIDDLE, rule))).toMatchObject({ encoding: 'bytes', words })
    }
    expect(ruleOf({ lines: 1, words: 2, bytes: 3 })).toBeNull()
  })
})
