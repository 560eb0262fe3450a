// The documentation site: one command builds it, it has every page, a broken link fails it, the search finds what pages say, and a
// phone shows every page without scrolling sideways.
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { brokenLinks } from '../../site/.vitepress/links.mjs'
import { pagesIn } from '../../site/.vitepress/pages.mjs'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const site = join(root, 'build', 'site')
const htmlOf = (page: string): string => page.replace(/\.md$/, '.html')
const htmlFiles = (): string[] =>
  readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
/** Without the spans that colour code. */
const read = (page: string): string => readFileSync(join(site, page), 'utf8').replace(/<\/?span[^>]*>/g, '')

beforeAll(async () => {
  await run('npm', ['run', '--silent', 'docs:site'], { cwd: root })
})

describe('the site', () => {
  it('has every page of the repository, and a link to it', () => {
    const pages = pagesIn(root).map(htmlOf)
    expect(pages).toContain('docs/performance.html')
    expect(pages).toContain('docs/protocols/unlock.html')
    const linked = new Set(
      htmlFiles()
        .flatMap((page) => [...read(page).matchAll(/<a [^>]*href="\/([^"#]*)/g)])
        .map(([, address]) => address),
    )
    expect(pages.filter((page) => !existsSync(join(site, page)))).toEqual([])
    expect(pages.filter((page) => !linked.has(page))).toEqual([])
  })

  it('has the first program of the README on its front page, and links where texts name a page or an export', () => {
    expect(read('index.html').includes('const requests = isMainThread ? new PerCpuCounter()')).toBe(true)
    expect(read('README.html')).toMatch(
      /<a href="\/docs\/words.html"[^>]*><code[^>]*>docs\/words.md<\/code><\/a>/,
    )
    expect(read('docs/words.html')).toMatch(/<a href="\/api\/rseq\/classes\/PerCpuArray.html"[^>]*><code/)
  })

  it('finds in its search the sections of guides and of the reference that say a word', async () => {
    const chunks = join(site, 'assets', 'chunks')
    const [chunk = ''] = readdirSync(chunks).filter((name) => name.startsWith('@localSearchIndex'))
    const { default: json } = (await import(pathToFileURL(join(chunks, chunk)).href)) as { default: string }
    const { documentIds, index } = JSON.parse(json) as {
      documentIds: Record<string, string>
      index: [term: string, fields: Record<string, Record<string, number>>][]
    }
    const sectionsWith = (word: string): (string | undefined)[] =>
      index
        .filter(([term]) => term === word)
        .flatMap(([, fields]) => Object.values(fields).flatMap(Object.keys))
        .map((id) => documentIds[id])
    expect(sectionsWith('membarrier')).toContain('/api/rseq/variables/membarrier.html#variable-membarrier')
    expect(sectionsWith('babeltrace2').join()).toMatch('/docs/tracing.html#')
    expect(sectionsWith('nosuchword')).toEqual([])
  })
})

describe('a broken link', () => {
  /** Builds a site of the same pages, most of them empty, of which one has this text, for a server that has it below a path. */
  async function build(text: string): Promise<string> {
    const copy = mkdtempSync(join(tmpdir(), 'rseq-site-'))
    const put = (page: string, content: string): void => {
      mkdirSync(dirname(join(copy, page)), { recursive: true })
      writeFileSync(join(copy, page), content)
    }
    try {
      const few = pagesIn(root).filter((page) => !page.startsWith('docs/decisions/0'))
      for (const page of few) put(page, '# A title\n\n## Conventions\n')
      for (const path of ['README.md', 'docs/performance.md', 'docs/top-web.png', 'docs/scaling.svg', 'site'])
        cpSync(join(root, path), join(copy, path), { recursive: true })
      symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
      const addresses = {
        repository: { type: 'git', url: 'git+https://git.example/rseq.git' },
        homepage: 'https://rseq.example/below/',
      }
      const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object
      put('package.json', JSON.stringify({ ...manifest, ...addresses }))
      put('build/site-api/index.md', '# rseq')
      put('build/site-api/navigation.json', '[{ "title": "rseq", "children": [] }]')
      put('docs/glossary.md', text)
      return await run('npx', ['vitepress', 'build', 'site'], { cwd: copy }).then(
        () => 'built',
        (error: unknown) => Object.values(error as { stdout: string; stderr: string }).join('\n'),
      )
    } finally {
      rmSync(copy, { recursive: true })
    }
  }

  const good = '# A title\n\n[other](words.md#conventions) [own](#a-title) ![picture](scaling.svg)'

  it('is the only thing that fails the build', async () => {
    expect(await build(good)).toBe('built')
  })

  it.each([
    ['missing page', '[x](missing.md)', /missing[^]*docs\/glossary\.md/],
    ['missing heading', '[x](words.md#missing)', /docs\/glossary\.html: .*words\.html#missing/],
  ])('to a %s fails the build, which names it', async (_what, link, message) => {
    expect(await build(`${good}\n\n${link}`)).toMatch(message)
  })

  it('is found, whatever it is a link to', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rseq-site-'))
    try {
      mkdirSync(join(directory, 'sub'))
      writeFileSync(
        join(directory, 'index.html'),
        '<p id="here"><a href="/base/sub/page.html#there"><a href="https://other.example/">',
      )
      const links = [
        '../',
        '/base/index.html#here',
        '#there',
        '#none',
        '/base/index.html#none',
        'none.html',
        '../sub',
        'http://',
        '/',
      ]
      const page = links.map((link) => `<a class="x" href="${link}">`).join('')
      writeFileSync(
        join(directory, 'sub', 'page.html'),
        `<p id="there">${page}<img src="none.svg"><img alt="" src="page.html">`,
      )
      expect(brokenLinks(directory, '/base/')).toEqual(
        ['#none', '/base/index.html#none', 'none.html', '../sub', 'http://', '/', 'none.svg'].map(
          (link) => `sub/page.html: ${link}`,
        ),
      )
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe('in a browser of a phone', () => {
  let browser: Browser | undefined
  let server: Server | undefined
  let origin = ''

  const TYPES: Record<string, string> = {
    html: 'text/html',
    js: 'text/javascript',
    css: 'text/css',
    svg: 'image/svg+xml',
  }

  beforeAll(async () => {
    if (!existsSync('/usr/bin/chromium')) return
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
    server = createServer(({ url = '/' }, response) => {
      const { pathname } = new URL(url, 'http://localhost')
      const file = join(site, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
      if (!existsSync(file)) return response.writeHead(404).end()
      const type = TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
      return response.writeHead(200, { 'content-type': type }).end(readFileSync(file))
    })
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  async function openPage() {
    const page = await browser?.newPage({
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
    })
    if (page === undefined) throw new Error('no browser')
    page.setDefaultTimeout(300_000)
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('response', (response) => {
      if (response.status() >= 400) errors.push(`${response.status()} ${response.url()}`)
    })
    return { page, errors }
  }

  it('no page of the repository is wider than the screen, and none has an error', async ({ skip }) => {
    skip(browser === undefined, 'there is no chromium here')
    const { page, errors } = await openPage()
    const wide: string[] = []
    for (const name of ['index.html', 'api/rseq/classes/PerCpuRing.html', ...pagesIn(root).map(htmlOf)]) {
      await page.goto(`${origin}/${name}`, { waitUntil: 'load' })
      const width = await page.evaluate<number>('document.documentElement.scrollWidth')
      if (width > 390) wide.push(`${name}: ${width}`)
    }
    expect(wide).toEqual([])
    expect(errors).toEqual([])
  })

  it('the search leads to the section that says a word', async ({ skip }) => {
    skip(browser === undefined, 'there is no chromium here')
    const { page, errors } = await openPage()
    await page.goto(`${origin}/`)
    await page.locator('.VPNavBarSearch button').first().click()
    await page.locator('.search-input').fill('reclaiming what a dead process held')
    await page.locator('.results .result').first().click()
    await page.waitForURL('**/docs/protocols/pool-reclaim.html**')
    expect(errors).toEqual([])
  })
})
