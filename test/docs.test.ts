// The documents: links lead somewhere, also in the package and on npm's page; the README is short; no riddles; every
// decision and every barrier is written down in one form.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)))
const pages = tracked.filter((path) => path.endsWith('.md'))

/** Without code, in which brackets are no links and words are no prose. */
const prose = (text: string): string => text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '``')

/** The anchors that a page's headings get. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)]
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

interface Link {
  to: string
  path: string
  anchor: string
}

/** The relative links and pictures of a page. */
function linksOf(page: string, text: string): Link[] {
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, to = '']) => to)
    .filter((to) => !/^[a-z]+:/.test(to))
    .map((to) => {
      const [path = '', anchor = ''] = to.split('#')
      return { to, path: path === '' ? page : normalize(join(dirname(page), path)), anchor }
    })
}

/** Those that lead nowhere. */
function brokenLinks(page: string, text: string): string[] {
  return linksOf(page, text)
    .filter(({ path, anchor }) => {
      if (path === page) return !anchorsOf(text).has(anchor)
      if (!existsSync(join(root, path))) return true
      return anchor !== '' && !anchorsOf(read(path)).has(anchor)
    })
    .map(({ to }) => to)
}

describe('links', () => {
  it.each(pages)('of %s lead somewhere', (page) => {
    expect(brokenLinks(page, read(page))).toEqual([])
  })

  it('that lead nowhere are found', () => {
    const text =
      '# A b, c\n[a](#a-b-c) [b](#b) [c](c.md) ![d](no.svg) [e](README.md#no) [f](https://f.example) `[g](g)`'
    expect(brokenLinks('page.md', text)).toEqual(['#b', 'c.md', 'no.svg', 'README.md#no'])
  })

  it('of pages in the package lead to files of the package', () => {
    const packed = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: root,
        encoding: 'utf8',
      }),
    ) as [{ files: { path: string }[] }]
    const files = new Set(packed[0].files.map(({ path }) => path))
    const packedPages = pages.filter((page) => files.has(page))
    expect(packedPages).toContain('docs/metrics.md')
    const leadOut = packedPages.flatMap((page) =>
      linksOf(page, read(page))
        .filter(({ path }) => !files.has(path))
        .map(({ to }) => `${page}: ${to}`),
    )
    expect(leadOut).toEqual([])
    // What the README names, a reader of the package finds there; but for what it says is the repository's.
    const [forUsers = ''] = read('README.md').split('## From a clone')
    const named = [...forUsers.matchAll(/`(docs\/[\w-]+\.md)`/g)].map(([, path]) => path)
    expect(named.length).toBeGreaterThan(4)
    expect(named.filter((path = '') => !files.has(path))).toEqual([])
  })
})

describe('README', () => {
  it('has at most 220 lines', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(220)
  })

  it("has no link that npm's page cannot follow: none but absolute ones and its own headings", () => {
    expect(linksOf('README.md', read('README.md')).filter(({ path }) => path !== 'README.md')).toEqual([])
  })
})

/** Words that make a reader guess. */
function riddlesIn(text: string): string[] {
  const sentence = /(?:^|\n\n|\n\s*[-*]\s+|[.:;!?]\s+|\*\*)(the same)\b/gi
  return [
    ...Array.from(prose(text).matchAll(/\b(to be had|whoever|as it\s+were)\b/gi), ([, words = '']) => words),
    ...Array.from(prose(text).matchAll(sentence), ([, words = '']) => words),
  ]
}

describe('plain English', () => {
  const checked = pages.filter((page) => /^(README|CONTRIBUTING|SECURITY)\.md$|^docs\//.test(page))

  it.each(checked)('%s has no riddles', (page) => {
    expect(riddlesIn(read(page))).toEqual([])
  })

  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('ts'),
  )

  it('comments and messages in src have no riddles', () => {
    const found = sources.flatMap((file) => {
      // A comment's text alone: lines of a block comment begin with an asterisk.
      const text = read(join('src', file)).replace(/^\s*(?:\/\*\*?|\*\/?|\/\/) ?/gm, '\n')
      return riddlesIn(text).map((words) => `${file}: ${words}`)
    })
    expect(sources.length).toBeGreaterThan(60)
    expect(found).toEqual([])
  })

  it('riddles are found', () => {
    const text =
      'Whoever asks. The same holds.\nWhat is to be had\n\n- the same\nIt is the same word; the same is it.'
    expect(riddlesIn(text)).toEqual(['Whoever', 'to be had', 'The same', 'the same', 'the same'])
  })
})

describe('decisions', () => {
  const folder = 'docs/decisions'
  const records = pages.filter((page) => page.startsWith(`${folder}/`) && !page.endsWith('README.md'))

  it.each(records)('%s says when, why, what and what follows', (record) => {
    expect(record).toMatch(/^docs\/decisions\/\d{4}(-[a-z0-9]+)+\.md$/)
    expect(read(record)).toMatch(
      /^# .+\n\nDate: \d{4}-\d\d-\d\d\n\n## Context\n\n[^#]+\n\n## Choice\n\n[^#]+\n\n## Consequence\n\n[^#]+\n$/,
    )
  })

  it('are numbered without a gap, and all in the list', () => {
    expect(records.map((record) => Number(record.slice(folder.length + 1, folder.length + 5)))).toEqual(
      records.map((_, i) => i + 1),
    )
    const list = linksOf(`${folder}/README.md`, read(`${folder}/README.md`)).map(({ path }) => path)
    expect(list).toEqual(records)
  })
})

interface Barrier {
  letter: string
  partners: string[]
  partnerFile: string
  file: string
}

/** The barriers that a file's comments name: `Barrier A: pairs with B in FILE`. */
function barriersIn(file: string, text: string): Barrier[] {
  const named = text.matchAll(/Barrier ([A-Z]): pairs with ([A-Z])(?: and ([A-Z]))? in ([\w./-]+\w)/g)
  return [...named].map(([, letter = '', first = '', second, partnerFile = '']) => ({
    letter,
    partners: second === undefined ? [first] : [first, second],
    partnerFile,
    file,
  }))
}

/** Barriers whose partner is not where their comment says, or names another partner. */
function lonelyBarriers(all: Barrier[]): string[] {
  return all.flatMap(({ letter, partners, partnerFile, file }) =>
    partners
      .filter(
        (partner) =>
          !all.some(
            (other) =>
              other.letter === partner && other.file === partnerFile && other.partners.includes(letter),
          ),
      )
      .map((partner) => `${file}: ${letter} without ${partner}`),
  )
}

describe('barriers', () => {
  const sources = tracked.filter((path) =>
    /^(src|native\/(rseq|percpu|addon))\/.*\.(ts|h|cc|S|inc)$/.test(path),
  )
  const all = sources.flatMap((path) => barriersIn(path, read(path)))

  it('have the partner that their comment names', () => {
    expect(all.length).toBeGreaterThan(16)
    expect(lonelyBarriers(all)).toEqual([])
  })

  it('are listed in docs/memory-ordering.md, each with its partners', () => {
    const rows = [...read('docs/memory-ordering.md').matchAll(/^\| ([A-Z]) +\| ([A-Z](?:, [A-Z])*) +\|/gm)]
    const listed = rows.map(([, letter = '', partners = '']) => [letter, partners])
    const inCode = new Map(all.map(({ letter, partners }) => [letter, partners.join(', ')]))
    expect(listed).toEqual([...inCode].sort())
  })

  it('without a partner are found', () => {
    const one = barriersIn('a.cc', '// Barrier A: pairs with B in b.cc.')
    expect(lonelyBarriers(one)).toEqual(['a.cc: A without B'])
    expect(lonelyBarriers([...one, ...barriersIn('b.cc', '/* Barrier B: pairs with C in a.cc */')])).toEqual([
      'a.cc: A without B',
      'b.cc: B without C',
    ])
    expect(lonelyBarriers([...one, ...barriersIn('b.cc', '/* Barrier B: pairs with A in a.cc */')])).toEqual(
      [],
    )
  })
})
