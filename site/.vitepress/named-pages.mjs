// On the site, what a text names in code font leads there: a page, as `docs/metrics.md`, which npm's page of the README could not
// follow as a link, and the first time that a page names an export, as `PerCpuCounter`, its reference.

/** A markdown-it plugin; `pages` are paths, `references` maps a name to the address of its reference. */
export function linkNames(md, pages, references) {
  const paths = new Set(pages)

  const addressOf = (text, seen) => {
    const page = text.endsWith('/') ? `${text}README.md` : text
    if (paths.has(page)) return `/${page}`
    const name = text.replace(/^new |\(.*\)$/g, '')
    if (seen.has(name)) return undefined
    seen.add(name)
    return references.get(name)
  }

  md.core.ruler.push('link-names', ({ tokens, Token, env }) => {
    const seen = new Set()
    const own = `/${env.relativePath}`
    const isReference = own.startsWith('/api/')
    let inHeading = false
    for (const { type, children } of tokens) {
      if (type === 'heading_open' || type === 'heading_close') inHeading = type === 'heading_open'
      if (type !== 'inline' || inHeading || isReference) continue
      let inLink = false
      for (let i = 0; i < children.length; i++) {
        const token = children[i]
        if (token.type === 'link_open' || token.type === 'link_close') inLink = token.type === 'link_open'
        if (token.type !== 'code_inline' || inLink) continue
        const address = addressOf(token.content, seen)
        if (address === undefined || address === own) continue
        const open = new Token('link_open', 'a', 1)
        open.attrSet('href', address)
        children.splice(i, 1, open, token, new Token('link_close', 'a', -1))
        i += 2
      }
    }
  })
}
