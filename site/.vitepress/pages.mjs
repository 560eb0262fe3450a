// Which pages there are, and their order beside them.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Headings of the list of pages, and below them pages by their paths without `.md`. A folder's README has its other pages below it. */
const GROUPS = {
  Start: ['README', 'docs/loading', 'docs/runtimes', 'docs/kernels', 'docs/glossary'],
  Guides: [
    'docs/cookbook',
    'docs/metrics',
    'docs/prom-client',
    'docs/shared-memory',
    'docs/recipes-shared',
    'docs/looking-in',
    'docs/tracing',
    'docs/words',
    'docs/cpp',
    'docs/debugging',
  ],
  'Performance and proof': ['docs/performance', 'docs/verification', 'docs/memory-ordering'],
  'How it works': ['docs/architecture', 'docs/ownership', 'docs/protocols/README', 'docs/decisions/README'],
  Project: ['docs/versions', 'CHANGELOG', 'CONTRIBUTING', 'SECURITY', 'docs/releasing'],
}

/** The reference, as typedoc writes it: a folder of pages, and their order. */
const REFERENCE = 'build/site-api'

const isPage = (name) => name.endsWith('.md')

/** The folders that have no pages of the site, as patterns. */
export function foldersWithoutPages(root) {
  const others = (folder, wanted) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !wanted.includes(entry.name))
      .map(({ name }) => join(folder, name, '**'))
  return [...others('.', ['docs', 'site', 'build']), ...others('build', ['site-api'])]
}

/** The pages that are files of the repository, by their paths. */
export function pagesIn(root) {
  return [
    ...readdirSync(root).filter(isPage),
    ...readdirSync(join(root, 'docs'), { recursive: true })
      .filter(isPage)
      .map((name) => join('docs', name))
      .sort(),
  ]
}

function titleOf(root, page) {
  const [, title] = /^# (.+)$/m.exec(readFileSync(join(root, page), 'utf8'))
  return page === 'README.md' ? 'Getting started' : title.replaceAll('`', '')
}

/** The list of pages beside every page. Pages of docs/ that GROUPS does not name are guides. */
export function sidebarOf(root) {
  const pages = pagesIn(root)
  const named = new Set(Object.values(GROUPS).flatMap((group) => group.map((page) => `${page}.md`)))
  const isNew = (page) => !named.has(page) && /^docs\/[^/]+$/.test(page)
  const item = (page) => ({ text: titleOf(root, page), link: `/${page}` })
  const withFolder = (page) => {
    const folder = page.replace(/README\.md$/, '')
    const below = pages.filter((other) => other !== page && other.startsWith(folder))
    return folder === page || folder === ''
      ? item(page)
      : { ...item(page), collapsed: true, items: below.map(item) }
  }
  return Object.entries(GROUPS).map(([text, group]) => ({
    text,
    items: [...group.map((page) => `${page}.md`), ...(text === 'Guides' ? pages.filter(isNew) : [])].map(
      withFolder,
    ),
  }))
}

/** The list of pages beside the reference. typedoc has `rseq/metrics` below `rseq`, as `metrics`; here the entry points stand side by side. */
export function referenceSidebar(root) {
  const item = ({ title, path, children }) => ({
    text: title,
    ...(path && { link: `/api/${path}` }),
    ...(children && { collapsed: true, items: children.map(item) }),
  })
  const isEntryPoint = ({ path }) => path?.endsWith('/index.md')
  const [main] = JSON.parse(readFileSync(join(root, REFERENCE, 'navigation.json'), 'utf8'))
  const others = main.children
    .filter(isEntryPoint)
    .map((entry) => ({ ...entry, title: `${main.title}/${entry.title}` }))
  return [{ ...main, children: main.children.filter((child) => !isEntryPoint(child)) }, ...others].map(item)
}

/** The page of the reference for each name that only one export has. */
export function pagesOfNames(root) {
  const leaves = (items) => items.flatMap((item) => (item.items ? leaves(item.items) : [item]))
  const found = leaves(referenceSidebar(root))
  const times = (name) => found.filter(({ text }) => text === name).length
  return new Map(found.filter(({ text }) => times(text) === 1).map(({ text, link }) => [text, link]))
}
