// Every snippet of the README runs, and prints what its comments say; so do those of docs/metrics.md, words.md, cookbook.md and maps.md, and the examples.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const cli = join(root, 'lib', 'cli', 'main.js')
// Inside the package, where `import 'rseq'` means the package itself.
const scratch = join(root, 'build', 'readme')

interface Snippet {
  language: string
  text: string
  line: number
}

function snippetsOf(markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => ({
    language: match[1] ?? '',
    text: match[2] ?? '',
    line: markdown.slice(0, match.index).split('\n').length,
  }))
}

/** What the comments "// prints ..." of a snippet promise, in order. */
function promised(text: string): string[] {
  return [...text.matchAll(/\/\/ prints (.*)$/gm)].map((match) => match[1] ?? '')
}

async function run(args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  return stdout
}

const snippets = snippetsOf(readFileSync(join(root, 'README.md'), 'utf8'))

describe('README', () => {
  mkdirSync(scratch, { recursive: true })

  it.each(snippets.filter(({ language }) => language === 'js'))(
    'the program at line $line',
    async (snippet) => {
      const file = join(scratch, `line-${snippet.line}.mjs`)
      writeFileSync(file, snippet.text)
      const output = await run([file])
      const lines = output.trimEnd().split('\n')
      for (const expected of promised(snippet.text)) expect(lines).toContain(expected)
      expect(promised(snippet.text).length).toBeLessThanOrEqual(lines.length)
    },
  )

  const commands = snippets
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .filter((line) => line.startsWith('npx rseq '))

  it.each(commands)('%s', async (command) => {
    expect(await run([cli, ...command.split(' ').slice(2)])).not.toBe('')
  })

  it('has programs and commands for this to test', () => {
    expect(snippets.filter(({ text }) => promised(text).length > 0).length).toBeGreaterThan(2)
    expect(commands).toEqual(['npx rseq info', 'npx rseq verify'])
  })
})

describe.each(['metrics', 'words', 'cookbook', 'maps'])('docs/%s.md', (page) => {
  const programs = snippetsOf(readFileSync(join(root, 'docs', `${page}.md`), 'utf8')).filter(
    ({ text }) => promised(text).length > 0,
  )

  it.each(programs)('the program at line $line', async (snippet) => {
    const file = join(scratch, `${page}-line-${snippet.line}.mjs`)
    writeFileSync(file, snippet.text)
    expect((await run([file])).trimEnd().split('\n')).toEqual(promised(snippet.text))
  })

  it('has programs for this to test', () => {
    expect(programs.length).toBeGreaterThan(0)
  })
})

describe('examples', () => {
  it.each(readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.mjs')))('%s', async (name) => {
    expect(await run([join(root, 'examples', name)])).not.toBe('')
  })

  it('buffer-pool.mjs hashes a file as one thread would, and has all its blocks back', async () => {
    const file = process.execPath
    const bytes = readFileSync(file)
    const whole = createHash('sha256')
    for (let at = 0; at < bytes.length; at += 65536) {
      whole.update(
        createHash('sha256')
          .update(bytes.subarray(at, at + 65536))
          .digest(),
      )
    }
    const lines = (await run([join(root, 'examples', 'buffer-pool.mjs'), file])).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^\d+ blocks through a pool of 32, \d+ waits; free again: 32$/)
    expect(lines[1]).toBe(whole.digest('hex'))
  })

  it('log-levels.mjs counts every line once', async () => {
    const last =
      (await run([join(root, 'examples', 'log-levels.mjs'), '1000'])).trimEnd().split('\n').at(-1) ?? ''
    const counts = Object.fromEntries(
      [...last.matchAll(/(\w+) (\d+)/g)].map((match): [string, number] => [match[1] ?? '', Number(match[2])]),
    )
    const { debug = 0, info = 0, warn = 0, error = 0 } = counts
    expect(debug + info + warn + error).toBe(4 * 1000)
    expect(error).toBe(4 * Math.ceil(1000 / 97))
  })
})
