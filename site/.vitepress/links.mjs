// Checks that every link, picture and anchor of the built pages leads to something. VitePress itself refuses links to missing pages
// only in texts; this looks at what a reader gets, with its menus, anchors and pictures. Other sites' pages are not visited.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The site's own origin, while it is checked. */
const HERE = 'http://site.invalid'

const decoded = (text) => text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')

/** The addresses that a page's elements name. */
const addressesIn = (html) =>
  [...html.matchAll(/<(?:a|img|link|script|source)\b[^>]*?\s(?:href|src)="([^"]*)"/g)].map(([, address]) =>
    decoded(address),
  )

const anchorsIn = (html) => new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => decoded(id)))

/** The file that a server of static files gives for a path, or undefined. */
function fileFor(directory, path) {
  const named = join(directory, path)
  return [named, join(named, 'index.html'), `${named}.html`].find(
    (file) => existsSync(file) && statSync(file).isFile(),
  )
}

/** The links of the pages in a directory that lead nowhere, one line each. */
export function brokenLinks(directory, base = '/') {
  const files = readdirSync(directory, { recursive: true }).filter((name) => name.endsWith('.html'))
  const pages = new Map(
    files.map((name) => [join(directory, name), readFileSync(join(directory, name), 'utf8')]),
  )
  const anchors = new Map([...pages].map(([file, html]) => [file, anchorsIn(html)]))

  const isBroken = (file, address) => {
    if (!URL.canParse(address, HERE)) return true
    const { origin, pathname, hash } = new URL(address, `${HERE}${base}${relative(directory, file)}`)
    if (origin !== HERE) return false
    if (!pathname.startsWith(base)) return true
    const target = fileFor(directory, decodeURIComponent(pathname.slice(base.length)))
    if (target === undefined) return true
    const anchor = decodeURIComponent(hash.slice(1))
    return anchor !== '' && !anchors.get(target)?.has(anchor)
  }

  return [...pages].flatMap(([file, html]) =>
    [...new Set(addressesIn(html))]
      .filter((address) => isBroken(file, address))
      .map((address) => `${relative(directory, file)}: ${address}`),
  )
}

/** Fails if a link leads nowhere. */
export function checkLinks(directory, base) {
  const broken = brokenLinks(directory, base)
  if (broken.length > 0) throw new Error(`${broken.length} links lead nowhere:\n${broken.join('\n')}`)
}
