// The documentation site: npm run docs:site. Its pages are the README, docs/ and the reference that typedoc writes, as they are.
// This folder has their order, the front page, and the check of all links.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitepress'
import { checkLinks } from './links.mjs'
import { linkNames } from './named-pages.mjs'
import { foldersWithoutPages, pagesIn, pagesOfNames, referenceSidebar, sidebarOf } from './pages.mjs'
import { drawTables } from './table-bars.mjs'

const root = join(import.meta.dirname, '..', '..')
const { description, version, repository, homepage } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)

/** The first program of the README, which test/readme.test.ts runs, for the front page. */
const firstProgram = {
  name: 'first-program',
  enforce: 'pre',
  transform(text, id) {
    if (!id.endsWith('/site/index.md')) return undefined
    const [program] = /^```js\n.*?^```$/ms.exec(readFileSync(join(root, 'README.md'), 'utf8'))
    return text.replace('<!-- the first program of README.md -->', () => program)
  },
}

/** Two bars: the words of two CPUs. */
const ICON =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#1769cc" d="M2 2h5v12H2z"/><path fill="#12a594" d="M9 6h5v8H9z"/></svg>',
  )

/** The anchor of a heading, as sites that show a repository make it: links to headings hold there and here. */
const slugify = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

export default defineConfig({
  title: 'rseq',
  description,
  lang: 'en',
  head: [['link', { rel: 'icon', href: ICON }]],
  // A page has the address that its file has in the repository: links between files hold in both.
  srcDir: '..',
  srcExclude: foldersWithoutPages(root),
  rewrites: { 'site/index.md': 'index.md', 'build/site-api/:page*': 'api/:page*' },
  outDir: '../build/site',
  cacheDir: '../build/site-cache',
  base: homepage === undefined ? '/' : new URL(homepage).pathname.replace(/\/?$/, '/'),
  markdown: {
    anchor: { slugify },
    config: (md) => md.use(linkNames, pagesIn(root), pagesOfNames(root)).use(drawTables),
  },
  vite: { plugins: [firstProgram], build: { chunkSizeWarningLimit: 8000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/README' },
      { text: 'Guides', link: '/docs/metrics' },
      { text: 'Cookbook', link: '/docs/cookbook' },
      { text: 'Reference', link: '/api/' },
      { text: 'Performance', link: '/docs/performance' },
      { text: 'Verification', link: '/docs/verification' },
      { text: version, link: '/CHANGELOG' },
    ],
    sidebar: { '/': sidebarOf(root), '/api/': referenceSidebar(root) },
    socialLinks:
      repository === undefined ? [] : [{ icon: 'git', link: repository.url.replace(/^git\+|\.git$/g, '') }],
  },
  buildEnd: ({ outDir, site }) => checkLinks(outDir, site.base),
})
